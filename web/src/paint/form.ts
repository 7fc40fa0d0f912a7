/** What is being asked for. It is kept as it is typed, so a reload loses nothing. */
import type { Example, Painter, Picture } from "../api/types";
import type { Drawing } from "../canvas/drawing";
import { EMPTY } from "../canvas/drawing";
import { personal, savedStore } from "../parts/store";

export interface Style {
  name: string;
  weight: number;
}

export interface Shade {
  colour: string;
  share: number;
}

export interface Axis {
  setting: string;
  /** One value a line. */
  values: string;
}

export type Given = Pick<Picture, "id" | "name" | "width" | "height">;

export interface Form {
  painter: string;
  words: string;
  /** Whether words that the painter never learnt are read as they are. */
  asWritten: boolean;
  soft: boolean;
  negative: string;
  styles: Style[];
  palette: Shade[];
  /** Conditions the page knows nothing about, as text. */
  conditions: Record<string, string>;
  /** Pictures for conditions that are asked for by pictures. */
  examples: Record<string, Example[]>;
  start: Given | null;
  strength: number | null;
  keepColours: boolean;
  mask: Drawing;
  size: [number, number] | null;
  count: number;
  seed: number | null;
  steps: number | null;
  sampler: string;
  guidance: number | null;
  priority: number;
  grid: boolean;
  across: Axis;
  down: Axis;
}

export const BUNDLED = "emoji";

const FIRST: Form = {
  painter: BUNDLED,
  words: "a red apple",
  asWritten: false,
  soft: false,
  negative: "",
  styles: [],
  palette: [],
  conditions: {},
  examples: {},
  start: null,
  strength: null,
  keepColours: false,
  mask: EMPTY,
  size: null,
  count: 4,
  seed: null,
  steps: null,
  sampler: "",
  guidance: null,
  priority: 0,
  grid: false,
  across: { setting: "guidance", values: "1\n2\n4" },
  down: { setting: "steps", values: "8\n24" },
};

export function fresh(language: string): Form {
  return { ...FIRST, words: language.startsWith("zh") ? "红苹果" : FIRST.words };
}

const unasked = () => fresh(navigator.language.toLowerCase());

export const form = personal(
  savedStore<Form>("form", (kept) => {
    const first = unasked();
    if (typeof kept !== "object" || kept === null) return first;
    const known = Object.entries(kept).filter(([name, value]) => {
      const usual = first[name as keyof Form];
      return name in first && (usual === null || value === null || typeof value === typeof usual);
    });
    return { ...first, ...Object.fromEntries(known) };
  }),
  unasked,
);

/** Take another painter: what belonged to the last one's technique goes, and styles that this one does not know. */
export function choose(painter: Painter): void {
  const known = painter.conditions.find(({ name }) => name === "style")?.names ?? [];
  form.set((old) => ({
    ...old,
    painter: painter.name,
    // From one picture most of these make one painting, whatever the seed.
    count: painter.starts ? 1 : old.count,
    styles: old.styles.filter(({ name }) => known.length === 0 || known.includes(name)),
    size: null,
    steps: null,
    sampler: "",
    guidance: null,
    strength: null,
  }));
}

export function change(some: Partial<Form>): void {
  form.set((old) => ({ ...old, ...some }));
}
