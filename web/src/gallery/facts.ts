import type { Painting, Wish } from "../api/types";

const FIRST = ["words", "negative", "style", "palette"];

/** What a painting was asked for, a line for each setting. */
export function facts(painting: Painting): [string, string][] {
  const { conditions, ...others } = painting.wish as Partial<Wish>;
  const found: [string, string][] = [["painter", painting.painter]];
  const asked: Record<string, unknown> = { ...others, ...conditions, seed: painting.seed };
  for (const [name, value] of Object.entries(asked)) {
    if (value === null || value === undefined || value === "" || value === false) continue;
    found.push([name, written(name, value)]);
  }
  const rank = (name: string) => (name === "painter" ? -1 : FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);
  return found.sort(([a], [b]) => rank(a) - rank(b));
}

function written(name: string, value: unknown): string {
  if (name === "size" && Array.isArray(value)) return value.join(" × ");
  if (value === true) return "✓";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
