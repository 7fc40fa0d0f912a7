import { useEffect, useState } from "react";
import { steps } from "../api/events";
import { useStore } from "../parts/store";
import classes from "./JobCard.module.css";

/** A painting under way. The next look replaces the last one only once it is there, so nothing flickers. */
export function Preview({ task, label, begun }: { task: string; label: string; begun: boolean }) {
  const step = useStore(steps)[task]?.step ?? (begun ? 1 : 0);
  const [source, setSource] = useState<string | null>(null);
  useEffect(() => {
    // Before its first step there is nothing to see.
    if (step === 0) return;
    let current = true;
    const next = new Image();
    next.onload = () => current && setSource(next.src);
    next.src = `/api/tasks/${task}/preview?step=${step}`;
    return () => {
      current = false;
    };
  }, [task, step]);
  return <div className={`checker ${classes.picture}`}>{source && <img src={source} alt={label} />}</div>;
}
