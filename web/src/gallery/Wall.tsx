import { useElementSize, useMergedRef } from "@mantine/hooks";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, useState, type FocusEvent, type KeyboardEvent } from "react";
import { useTranslation } from "react-i18next";
import { useMay } from "../api/accounts";
import { useChange } from "../api/paintings";
import type { Painting } from "../api/types";
import { useRemove } from "../paint/useAfter";
import { Tile } from "./Tile";
import type { Selection } from "./useSelection";
import classes from "./Wall.module.css";

interface Props {
  paintings: Painting[];
  total: number;
  selection: Selection;
  trashed: boolean;
  more?: () => void;
  onShow: (id: string) => void;
}

const WIDTH = 190;
const GAP = 16;
const CAPTION = 34;
/** Rows before the end at which more paintings are asked for. */
const AHEAD = 6;

/** Paintings in rows, of which only those near the window are there. */
export function Wall({ paintings, total, selection, trashed, more, onShow }: Props) {
  const { t } = useTranslation();
  const { ref: sized, width } = useElementSize<HTMLUListElement>();
  const wall = useRef<HTMLUListElement>(null);
  const ref = useMergedRef(sized, wall);
  const columns = Math.max(2, Math.floor((width + GAP) / (WIDTH + GAP)));
  const side = Math.max(80, (width - GAP * (columns - 1)) / columns);
  const rows = Math.ceil(paintings.length / columns);
  const virtual = useWindowVirtualizer({
    count: rows,
    estimateSize: () => side + CAPTION + GAP,
    overscan: 4,
    scrollMargin: wall.current?.offsetTop ?? 0,
  });
  useEffect(() => virtual.measure(), [virtual, side]);
  const shown = virtual.getVirtualItems();
  const last = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more && rows > 0 && last >= rows - AHEAD) more();
  }, [more, last, rows]);
  const { focus, keys, left } = useKeys({
    paintings,
    columns,
    selection,
    trashed,
    onShow,
    to: (row) => virtual.scrollToIndex(row),
  });
  return (
    <ul
      ref={ref}
      className={classes.wall}
      onKeyDown={keys}
      onBlur={left}
      style={{ height: virtual.getTotalSize() }}
      aria-label={t("gallery.wall")}
    >
      {shown.flatMap((row) =>
        paintings.slice(row.index * columns, (row.index + 1) * columns).map((painting, column) => {
          const at = row.index * columns + column;
          return (
            <li
              key={painting.id}
              className={classes.place}
              aria-setsize={total}
              aria-posinset={at + 1}
              style={{
                width: side,
                transform: `translate(${column * (side + GAP)}px, ${row.start - virtual.options.scrollMargin}px)`,
              }}
            >
              <Tile
                painting={painting}
                at={at}
                selected={selection.has(painting.id)}
                reachable={at === Math.min(focus, paintings.length - 1)}
                selection={selection}
                onShow={onShow}
              />
            </li>
          );
        }),
      )}
    </ul>
  );
}

interface Keys extends Pick<Props, "paintings" | "selection" | "trashed" | "onShow"> {
  columns: number;
  to: (row: number) => void;
}

/** One painting can be tabbed to; arrows go to the others, letters act on it. */
function useKeys({ paintings, columns, selection, trashed, onShow, to }: Keys) {
  const [focus, setFocus] = useState(0);
  const may = useMay("maker");
  const change = useChange();
  const remove = useRemove();
  const wanted = useRef<number | null>(null);
  useEffect(() => {
    if (wanted.current === null) return;
    const at = wanted.current;
    // The row may have to be scrolled to before its tiles exist.
    requestAnimationFrame(() => document.querySelector<HTMLElement>(`[data-at="${at}"]`)?.focus());
    wanted.current = null;
  }, [focus]);
  // Where the painting that had the focus went away, the one in its place gets it.
  const inside = useRef(false);
  useEffect(() => {
    if (!inside.current || document.activeElement !== document.body) return;
    document.querySelector<HTMLElement>(`[data-at="${Math.min(focus, paintings.length - 1)}"]`)?.focus();
  }, [paintings, focus]);
  const left = (event: FocusEvent) => {
    inside.current = event.relatedTarget === null;
  };
  const go = (at: number) => {
    const next = Math.min(paintings.length - 1, Math.max(0, at));
    wanted.current = next;
    to(Math.floor(next / columns));
    setFocus(next);
  };
  const keys = (event: KeyboardEvent<HTMLElement>) => {
    const at = Number((event.target as HTMLElement).closest("[data-tile]")?.getAttribute("data-tile") ?? focus);
    const painting = paintings[at];
    if (painting === undefined) return;
    inside.current = true;
    const chosen = selection.paintings.length ? selection.paintings : [painting];
    const steps: Record<string, number> = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -columns,
      ArrowDown: columns,
      Home: -Infinity,
      End: Infinity,
    };
    const key = event.key.toLowerCase();
    const step = steps[event.key];
    if (event.altKey) return;
    if (step !== undefined) go(at + step);
    else if (key === "a" && (event.ctrlKey || event.metaKey)) selection.all();
    else if (event.ctrlKey || event.metaKey) return;
    else if (key === "x") (event.shiftKey ? selection.extend : selection.toggle)(painting.id);
    else if (key === "escape") selection.clear();
    else if (key === "s" && may && !trashed)
      change.mutate({ paintings: chosen, stars: chosen.every((each) => each.stars > 0) ? 0 : 1 });
    else if (key === "delete" && may && !trashed) {
      setFocus(at);
      remove(chosen.map(({ id }) => id));
      selection.clear();
    } else if (key === "enter" && event.target instanceof HTMLInputElement) onShow(painting.id);
    else return;
    event.preventDefault();
  };
  return { focus, keys, left };
}
