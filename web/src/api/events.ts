/** What happens in the studio, as it happens: a stream that is taken up where it broke off, also after a reload. */
import { useQueryClient, type QueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { store } from "../parts/store";
import { useJobs } from "./jobs";
import { note, told, type Facts } from "./news";
import { looked } from "./paintings";
import type { Jobs } from "./types";

/** Whether the studio can be heard. */
export const connection = store<"begun" | "heard" | "lost">("begun");

/** How far each painting under way is, by its task. */
export const steps = store<Record<string, { step: number; steps: number }>>({});

const PATIENCE = 2000;

/** Listen, from what the list of jobs knows on, as long as the page is open. */
export function useStudioEvents(): void {
  const client = useQueryClient();
  const ready = useJobs().isSuccess;
  useEffect(() => {
    if (!ready) return;
    let stream: EventSource;
    let timer = 0;
    let last = client.getQueryData<Jobs>(["jobs"])?.event ?? 0;
    const listen = () => {
      stream = new EventSource(`/api/events?after=${last}`);
      stream.onopen = () => connection.set("heard");
      stream.onerror = () => {
        connection.set("lost");
        // A browser comes back by itself after a broken line, but not after a refusal.
        if (stream.readyState === EventSource.CLOSED) {
          timer = window.setTimeout(listen, PATIENCE);
          void client.invalidateQueries({ queryKey: ["me"] });
        }
      };
      for (const kind of ["job", "step", "painting", "gallery", "reset"]) {
        stream.addEventListener(kind, (event: MessageEvent<string>) => {
          last = Number(event.lastEventId) || last;
          heard(client, kind, last, JSON.parse(event.data) as Facts);
        });
      }
    };
    listen();
    return () => {
      window.clearTimeout(timer);
      stream.close();
    };
  }, [client, ready]);
}

function heard(client: QueryClient, kind: string, number: number, facts: Facts): void {
  if (kind === "reset") {
    void client.invalidateQueries();
    return;
  }
  if (kind === "gallery" || kind === "painting") looked(client);
  if (kind === "gallery") return;
  if (kind === "step") steps.set((old) => ({ ...old, [facts.task]: { step: facts.step, steps: facts.steps } }));
  const event = { number, kind, facts };
  note(event);
  const jobs = client.getQueryData<Jobs>(["jobs"]);
  if (jobs === undefined) return;
  if (jobs.jobs.some((job) => job.id === facts.job)) {
    client.setQueryData<Jobs>(["jobs"], told(jobs, [event]));
  } else if (number > jobs.event) {
    void client.invalidateQueries({ queryKey: ["jobs"] });
  }
  // Why a job failed, and what of it could not be done as asked, is not in the event.
  if (facts.state === "failed" || facts.state === "done") void client.invalidateQueries({ queryKey: ["jobs"] });
  if (kind !== "step") void client.invalidateQueries({ queryKey: ["job", facts.job] });
}
