import { useMutation } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { StudioError } from "../api/client";
import { useOrder } from "../api/jobs";
import { usePainters } from "../api/painters";
import { MASK, upload } from "../api/pictures";
import type { Painter } from "../api/types";
import { maskOf } from "../canvas/drawing";
import { useStore } from "../parts/store";
import { form, type Form } from "./form";
import { at, drop, fits, keep, LARGEST, ordering, renew, valuesOf, type Grid } from "./grid";
import { drawn, wishOf } from "./wish";

/** The painter of the form; another where that one is gone. */
export function usePainter(): Painter | undefined {
  const { painter } = useStore(form);
  const painters = usePainters().data;
  return painters?.find(({ name }) => name === painter) ?? painters?.find(({ bundled }) => bundled) ?? painters?.[0];
}

/** Order what the form asks for. */
export function usePaint() {
  const { t } = useTranslation();
  const painter = usePainter();
  const { mutateAsync } = useOrder(true);
  const paint = useMutation({
    mutationFn: async () => {
      if (painter === undefined) return;
      const asked = form.get();
      const wish = wishOf(asked, painter, await masked(asked));
      if (!asked.grid) {
        await mutateAsync(wish);
        return;
      }
      const grid = planned(asked);
      if (typeof grid === "string") throw new StudioError(400, t(`grid.wrong.${grid}`));
      keep(grid);
      ordering.add(grid.id);
      // With one seed for all, only the two settings differ.
      const one = { ...wish, count: 1, seed: wish.seed ?? drawn() };
      try {
        for (const [row, down] of grid.down.values.entries()) {
          for (const [column, across] of grid.across.values.entries()) {
            const job = await mutateAsync(at(at(one, grid.down.setting, down), grid.across.setting, across));
            const cells = grid.cells[row];
            if (cells) cells[column] = job.id;
            renew({ ...grid, cells: grid.cells.map((each) => [...each]) });
          }
        }
      } finally {
        ordering.delete(grid.id);
        // Where nothing could be ordered there is no table to show.
        if (grid.cells.flat().some((job) => job !== null)) renew({ ...grid });
        else drop(grid.id);
      }
    },
    meta: { quiet: true },
  });
  return { painter, paint };
}

async function masked(asked: Form): Promise<string | null> {
  if (asked.start === null) return null;
  const mask = await maskOf(asked.mask, asked.start.width, asked.start.height);
  return mask === null ? null : (await upload(mask, MASK)).id;
}

/** The grid of a form, or what is wrong with it. */
export function planned({ across, down, words }: Form): Grid | "same" | "empty" | "value" | "large" {
  const [columns, rows] = [valuesOf(across), valuesOf(down)];
  if (across.setting === down.setting) return "same";
  if (columns.length === 0 || rows.length === 0) return "empty";
  if (columns.length * rows.length > LARGEST) return "large";
  const good = columns.every((value) => fits(across.setting, value)) && rows.every((value) => fits(down.setting, value));
  if (!good) return "value";
  return {
    id: String(Date.now()),
    words,
    across: { setting: across.setting, values: columns },
    down: { setting: down.setting, values: rows },
    cells: rows.map(() => columns.map(() => null)),
  };
}
