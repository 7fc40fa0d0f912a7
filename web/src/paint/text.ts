/** Styles and palettes as the studio writes them, and back. */
import type { Shade, Style } from "./form";

const round = (value: number) => Math.round(value * 1000) / 1000;

/** `noto:0.7,twemoji:0.3`; a single style needs no weight. */
export function styleText(styles: Style[]): string {
  const asked = styles.filter(({ name, weight }) => name && weight > 0);
  const total = asked.reduce((sum, { weight }) => sum + weight, 0);
  if (asked.length === 1) return asked[0]?.name ?? "";
  return asked.map(({ name, weight }) => `${name}:${round(weight / total)}`).join(",");
}

/** `#c0392b:0.6,#2c3e50:0.4`. */
export function paletteText(palette: Shade[]): string {
  const total = palette.reduce((sum, { share }) => sum + share, 0) || 1;
  return palette.map(({ colour, share }) => `${colour}:${round(share / total)}`).join(",");
}

function parts(text: string): [string, number][] {
  const given = text.split(",").map((part) => part.trim().split(":"));
  return given.filter(([name]) => name).map(([name, weight]) => [name ?? "", Number(weight ?? NaN)]);
}

export function stylesOf(text: string): Style[] {
  const found = parts(text);
  return found.map(([name, weight]) => ({ name, weight: Number.isFinite(weight) ? weight : 1 / found.length }));
}

export function paletteOf(text: string): Shade[] {
  const found = parts(text);
  const given = found.reduce((sum, [, share]) => sum + (Number.isFinite(share) ? share : 0), 0);
  const open = found.filter(([, share]) => !Number.isFinite(share)).length;
  return found.map(([colour, share]) => ({
    colour,
    share: Number.isFinite(share) ? share : Math.max(0.01, (1 - given) / open),
  }));
}
