/** Paintings that the studio takes in one request. */
const MOST = 1000;

/** Do something with many paintings, so many at a time. */
export async function inPortions<T>(paintings: string[], act: (portion: string[]) => Promise<T>): Promise<T[]> {
  const done: T[] = [];
  for (let from = 0; from < paintings.length; from += MOST) done.push(await act(paintings.slice(from, from + MOST)));
  return done;
}
