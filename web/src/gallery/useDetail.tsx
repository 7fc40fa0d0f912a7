import { lazy, Suspense, useState, type ReactNode } from "react";
import type { Painting } from "../api/types";

const Detail = lazy(() => import("./Detail"));

/** A painting that is looked at closely, among others that can be gone to. */
export function useDetail(among: Painting[]): { detail: ReactNode; show: (id: string) => void } {
  const [shown, show] = useState<string | null>(null);
  const at = among.findIndex(({ id }) => id === shown);
  const to = (step: number) => {
    const next = at < 0 ? undefined : among[at + step];
    return next && (() => show(next.id));
  };
  const detail = (
    <Suspense>
      {shown !== null && <Detail id={shown} known={among[at]} onClose={() => show(null)} onBefore={to(-1)} onNext={to(1)} />}
    </Suspense>
  );
  return { detail, show };
}
