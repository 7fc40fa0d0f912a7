import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, passing, told } from "./client";
import { heardOf, told as after } from "./news";
import type { Job, Jobs, Wish } from "./types";

/** Jobs that are shown, the newest first, those under way before them. */
const MOST = 100;

export function useJobs() {
  return useQuery({
    queryKey: ["jobs"],
    queryFn: async () => after(await told(api.GET("/api/jobs", { params: { query: { most: MOST } } }))),
    staleTime: Infinity,
  });
}

/** Everybody's jobs, for admins. What others do makes no events here, so it is asked for again and again. */
export function useEverybodysJobs(wanted: boolean) {
  return useQuery({
    queryKey: ["jobs", "everybody"],
    queryFn: () => told(api.GET("/api/jobs", { params: { query: { most: MOST, everybody: true } } })),
    enabled: wanted,
    refetchInterval: 3000,
  });
}

export function useJob(id: string) {
  return useQuery({
    queryKey: ["job", id],
    queryFn: async () => {
      for (let times = 0; ; times++) {
        const before = heardOf(id);
        const job = await told(api.GET("/api/jobs/{job_id}", { params: { path: { job_id: id } } }));
        // Something happened while it was on its way: it may be from before or after that.
        if (heardOf(id) === before || times >= 4) return job;
      }
    },
    meta: { quiet: true },
  });
}

export const UNFINISHED = ["queued", "running", "paused"];

export function unfinished(job: Job): boolean {
  return UNFINISHED.includes(job.state);
}

/** A name that no other order has. `randomUUID` is there on secure pages only, a studio in the house is not one. */
function unique(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Order paintings. The key stays the same when the order is sent again, so it is painted once. */
export async function order(wish: Wish): Promise<Job> {
  const key = unique();
  for (let times = 0; ; times++) {
    try {
      return await told(api.POST("/api/jobs", { body: wish, headers: { "Idempotency-Key": key } }));
    } catch (error) {
      if (!passing(error) || times >= 4) throw error;
      await new Promise((resolve) => setTimeout(resolve, 500 * 2 ** times));
    }
  }
}

/** Order, and put the job on the list at once. `quiet` where whoever orders shows errors in their place. */
export function useOrder(quiet = false) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: order,
    onSuccess: (job) => {
      client.setQueryData<Jobs>(["jobs"], (old) =>
        old === undefined || old.jobs.some((each) => each.id === job.id) ? old : { ...old, jobs: [job, ...old.jobs] },
      );
      // Its place among the others is the studio's to say.
      void client.invalidateQueries({ queryKey: ["jobs"] });
    },
    meta: { quiet },
  });
}

type Step =
  | { id: string; what: "pause" | "resume" | "cancel" | "retry" }
  | { id: string; what: "move"; before: string | null }
  | { id: string; what: "priority"; priority: number };

/** Pause, resume, cancel, retry, move, prioritise. */
export function useDirect() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (step: Step) => {
      const params = { path: { job_id: step.id } };
      switch (step.what) {
        case "pause":
          return told(api.POST("/api/jobs/{job_id}/pause", { params }));
        case "resume":
          return told(api.POST("/api/jobs/{job_id}/resume", { params }));
        case "cancel":
          return told(api.POST("/api/jobs/{job_id}/cancel", { params }));
        case "retry":
          return told(api.POST("/api/jobs/{job_id}/retry", { params }));
        case "move":
          return told(api.POST("/api/jobs/{job_id}/move", { params, body: { before: step.before } }));
        case "priority":
          return told(api.POST("/api/jobs/{job_id}/priority", { params, body: { priority: step.priority } }));
      }
    },
    onSettled: () => client.invalidateQueries({ queryKey: ["jobs"] }),
  });
}
