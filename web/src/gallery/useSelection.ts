import { useCallback, useMemo, useRef, useState } from "react";
import type { Painting } from "../api/types";

export interface Selection {
  has: (id: string) => boolean;
  paintings: Painting[];
  toggle: (id: string) => void;
  /** Everything from the painting that was selected last to this one. */
  extend: (id: string) => void;
  all: () => void;
  clear: () => void;
}

/** Which paintings are selected, of those that are there. */
export function useSelection(paintings: Painting[]): Selection {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const last = useRef<string | null>(null);
  const toggle = useCallback((id: string) => {
    last.current = id;
    setChosen((old) => {
      const next = new Set(old);
      if (!next.delete(id)) next.add(id);
      return next;
    });
  }, []);
  const extend = useCallback(
    (id: string) => {
      const from = paintings.findIndex((each) => each.id === (last.current ?? id));
      const to = paintings.findIndex((each) => each.id === id);
      const range = paintings.slice(Math.min(from, to), Math.max(from, to) + 1);
      setChosen((old) => new Set([...old, ...range.map((each) => each.id)]));
      last.current = id;
    },
    [paintings],
  );
  const all = useCallback(() => setChosen(new Set(paintings.map(({ id }) => id))), [paintings]);
  const clear = useCallback(() => setChosen((old) => (old.size ? new Set() : old)), []);
  return useMemo(
    () => ({
      has: (id) => chosen.has(id),
      paintings: paintings.filter(({ id }) => chosen.has(id)),
      toggle,
      extend,
      all,
      clear,
    }),
    [chosen, paintings, toggle, extend, all, clear],
  );
}
