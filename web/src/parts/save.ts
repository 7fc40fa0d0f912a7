import { refusal, StudioError } from "../api/client";

/** Save what an address answers as a file. Asked for by the page rather than followed, so that a refusal can be shown. */
export async function save(address: string): Promise<void> {
  let answer: Response;
  try {
    answer = await fetch(address);
  } catch (error) {
    throw new StudioError(0, String(error));
  }
  if (!answer.ok) throw refusal(answer.status, await answer.json().catch(() => undefined));
  const name = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") ?? "")?.[1] ?? "painting";
  const place = URL.createObjectURL(await answer.blob());
  const link = document.createElement("a");
  link.href = place;
  link.download = name;
  link.click();
  // The browser reads it after the click has been handled.
  setTimeout(() => URL.revokeObjectURL(place), 10_000);
}
