/** A value outside of React, kept in the browser: what was typed on one page is there on another, and after a reload. */
import { useSyncExternalStore } from "react";

export interface Store<T> {
  get: () => T;
  set: (change: T | ((old: T) => T)) => void;
  subscribe: (listener: () => void) => () => void;
}

const SOON = 150;

export function store<T>(initial: T): Store<T> {
  let value = initial;
  const listeners = new Set<() => void>();
  return {
    get: () => value,
    set: (change) => {
      value = typeof change === "function" ? (change as (old: T) => T)(value) : change;
      for (const listener of listeners) listener();
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** A store that survives a reload. `read` makes a value of whatever was kept, which an older page may have written. */
export function savedStore<T>(name: string, read: (kept: unknown) => T): Store<T> {
  const place = `danqing.${name}`;
  const made = store(read(parsed(localStorage.getItem(place))));
  let timer = 0;
  const save = () => {
    window.clearTimeout(timer);
    timer = 0;
    try {
      localStorage.setItem(place, JSON.stringify(made.get()));
    } catch {
      // Private windows and full disks keep nothing; the page works on without.
    }
  };
  made.subscribe(() => {
    if (!timer) timer = window.setTimeout(save, SOON);
  });
  window.addEventListener("pagehide", () => timer && save());
  return made;
}

const forgetting: (() => void)[] = [];

/** A store of what one person did; for the next who logs in it is what `first` makes. */
export function personal<T>(of: Store<T>, first: () => T): Store<T> {
  forgetting.push(() => of.set(first()));
  return of;
}

/** Somebody else uses the page now. */
export function forget(): void {
  for (const anew of forgetting) anew();
}

export function useStore<T>(of: Store<T>): T {
  return useSyncExternalStore(of.subscribe, of.get);
}

function parsed(text: string | null): unknown {
  try {
    return text === null ? null : JSON.parse(text);
  } catch {
    return null;
  }
}
