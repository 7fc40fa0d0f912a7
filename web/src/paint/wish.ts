/** From the form to an order, and from a painting back. */
import { forgets, heeds, knows } from "../api/painters";
import { sizeOf } from "../api/pictures";
import type { Painter, Painting, Wish } from "../api/types";
import { EMPTY } from "../canvas/drawing";
import type { Form } from "./form";
import { paletteOf, paletteText, stylesOf, styleText } from "./text";

/** Seeds are drawn below this, as the studio draws them. */
const SEEDS = 2 ** 31;

export function drawn(): number {
  return (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) % SEEDS;
}

/** The order of a form; what the painter does not heed is left out. */
export function wishOf(form: Form, painter: Painter, mask: string | null): Wish {
  const conditions: Record<string, string> = {};
  const pictures: Wish["pictures"] = {};
  for (const { name, pictures: byPictures } of painter.conditions) {
    if (name === "text") continue;
    if (byPictures) {
      const examples = form.examples[name] ?? [];
      if (examples.length) pictures[name] = examples;
      continue;
    }
    const text =
      name === "style" ? styleText(form.styles) : name === "palette" ? paletteText(form.palette) : form.conditions[name];
    if (text?.trim()) conditions[name] = text.trim();
  }
  const starts = form.start !== null && heeds(painter, "init");
  return {
    painter: painter.name,
    words: knows(painter, "text") ? form.words : "",
    negative: knows(painter, "text") && heeds(painter, "negative") ? form.negative : "",
    conditions,
    pictures,
    size: form.size,
    seed: form.seed,
    count: form.count,
    steps: heeds(painter, "steps") ? form.steps : null,
    sampler: heeds(painter, "sampler") && form.sampler ? form.sampler : null,
    guidance: heeds(painter, "guidance") ? form.guidance : null,
    init: starts ? (form.start?.id ?? null) : null,
    strength: starts && forgets(painter) ? form.strength : null,
    mask: starts && heeds(painter, "mask") ? mask : null,
    keep_colours: starts && form.keepColours,
    read_as: form.asWritten && form.words && knows(painter, "text") ? form.words : null,
    flat: form.soft && knows(painter, "style") ? false : null,
    priority: form.priority,
  };
}

const ASKED = [
  "words",
  "negative",
  "conditions",
  "pictures",
  "size",
  "steps",
  "sampler",
  "guidance",
  "init",
  "strength",
  "mask",
  "keep_colours",
  "read_as",
  "flat",
] as const;

/** The wish of a painting as an order of new ones. */
export function again(painting: Painting, count: number): Wish {
  const asked = Object.fromEntries(ASKED.filter((name) => name in painting.wish).map((name) => [name, painting.wish[name]]));
  return { ...(asked as Partial<Wish>), painter: painting.painter, seed: drawn(), count } as Wish;
}

/** What of a wish the form cannot hold: a mask, as it has strokes, not pixels; a start picture that is gone. */
export type Lost = "mask" | "start";

/** Everything a painting was asked for, in the form, and what of it is lost. */
export async function formOf(painting: Painting): Promise<{ form: Partial<Form>; lost: Lost | null }> {
  const wish = painting.wish as Partial<Wish>;
  const { style, palette, ...conditions } = wish.conditions ?? {};
  // A mask is drawn in the start picture's own pixels, and a painting may have any other size.
  const size = wish.init ? await sizeOf(wish.init) : null;
  const form: Partial<Form> = {
    painter: painting.painter,
    words: wish.words ?? "",
    negative: wish.negative ?? "",
    styles: style ? stylesOf(style) : [],
    palette: palette ? paletteOf(palette) : [],
    conditions,
    examples: (wish.pictures ?? {}) as Form["examples"],
    size: wish.size ? [wish.size[0], wish.size[1]] : null,
    seed: painting.seed,
    steps: wish.steps ?? null,
    sampler: wish.sampler ?? "",
    guidance: wish.guidance ?? null,
    start: wish.init && size ? { id: wish.init, name: "", ...size } : null,
    // Within a mask all is forgotten; without one that would be the whole start picture.
    strength: size && !wish.mask ? (wish.strength ?? null) : null,
    keepColours: wish.keep_colours ?? false,
    asWritten: wish.read_as !== undefined && wish.read_as === wish.words,
    soft: wish.flat === false && !wish.init,
    mask: EMPTY,
  };
  return { form, lost: wish.init && !size ? "start" : wish.mask ? "mask" : null };
}
