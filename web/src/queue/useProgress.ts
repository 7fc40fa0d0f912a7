import { steps } from "../api/events";
import type { Job } from "../api/types";
import { useStore } from "../parts/store";

/** From 0 to 1: what is done, and how far what is under way is. */
export function useProgress(job: Job): number {
  const known = useStore(steps);
  const ended = job.done + job.failed + job.cancelled;
  const begun = (job.tasks ?? []).reduce((sum, task) => {
    const at = known[task];
    return sum + (at && at.steps ? at.step / at.steps : 0);
  }, 0);
  const told = job.steps ? (job.step / job.steps) * job.running : 0;
  return Math.min(1, (ended + Math.max(begun, told)) / job.count);
}
