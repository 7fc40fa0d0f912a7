/** Paintings over two settings: one order for each pair of values. */
import { forgets, heeds, knows } from "../api/painters";
import type { Painter, Wish } from "../api/types";
import { personal, savedStore } from "../parts/store";
import type { Axis } from "./form";

export interface Grid {
  id: string;
  words: string;
  across: { setting: string; values: string[] };
  down: { setting: string; values: string[] };
  /** Jobs by row and column; `null` where none was ordered yet. */
  cells: (string | null)[][];
}

/** Grids whose cells are still being ordered; one that a reload broke off gets no more. */
export const ordering = new Set<string>();

const KEPT = 8;
export const LARGEST = 64;

export const grids = personal(
  savedStore<Grid[]>("grids", (kept) => (Array.isArray(kept) ? (kept as Grid[]) : [])),
  () => [],
);

export function keep(grid: Grid): void {
  grids.set((old) => [grid, ...old.filter(({ id }) => id !== grid.id)].slice(0, KEPT));
}

/** Nothing comes back that was put away, or whose owner logged out, while its cells were being ordered. */
export function renew(grid: Grid): void {
  grids.set((old) => old.map((each) => (each.id === grid.id ? grid : each)));
}

export function drop(id: string): void {
  grids.set((old) => old.filter((grid) => grid.id !== id));
}

export function valuesOf(axis: Axis): string[] {
  return [
    ...new Set(
      axis.values
        .split("\n")
        .map((line) => line.trim())
        .filter(Boolean),
    ),
  ];
}

const NUMBERS: Record<string, (value: number) => boolean> = {
  guidance: (value) => value >= 0 && value <= 100,
  steps: (value) => Number.isInteger(value) && value >= 1 && value <= 1000,
  seed: (value) => Number.isInteger(value) && value >= 0 && value < 2 ** 53,
  strength: (value) => value > 0 && value <= 1,
};

/** Settings that a painter heeds, and that a list of values can be given for. */
export function settings(painter: Painter, starts: boolean): string[] {
  const found = ["guidance", "steps", "sampler"].filter((name) => heeds(painter, name));
  if (knows(painter, "text")) found.push("words", ...(heeds(painter, "negative") ? ["negative"] : []));
  if (starts && forgets(painter)) found.push("strength");
  found.push("seed");
  for (const { name, pictures } of painter.conditions) if (name !== "text" && !pictures) found.push(name);
  return found;
}

export function fits(setting: string, value: string): boolean {
  const test = NUMBERS[setting];
  return test === undefined || test(Number(value));
}

/** A wish with a setting at another value. */
export function at(wish: Wish, setting: string, value: string): Wish {
  if (setting in NUMBERS) return { ...wish, [setting]: Number(value) };
  if (["words", "negative", "sampler"].includes(setting)) return { ...wish, [setting]: value };
  return { ...wish, conditions: { ...wish.conditions, [setting]: value } };
}
