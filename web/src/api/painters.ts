import { useQuery } from "@tanstack/react-query";
import { api, told } from "./client";
import type { Painter } from "./types";

/** Every painter. What families can do is known once a worker has started, so until then it is asked again. */
export function usePainters() {
  return useQuery({
    queryKey: ["painters"],
    // The client's types forget how long the pairs of numbers in it are.
    queryFn: async () => (await told(api.GET("/api/painters"))) as Painter[],
    staleTime: 30_000,
    refetchInterval: (query) => (query.state.data?.some((painter) => painter.heeds === null) ? 1500 : false),
  });
}

export function useCard(name: string) {
  return useQuery({
    queryKey: ["card", name],
    queryFn: () => told(api.GET("/api/painters/{name}/card", { params: { path: { name } }, parseAs: "text" })),
    meta: { quiet: true },
  });
}

export function useScores(name: string, has: boolean) {
  return useQuery({
    queryKey: ["scores", name],
    queryFn: () => told(api.GET("/api/painters/{name}/scores", { params: { path: { name } } })),
    enabled: has,
    meta: { quiet: true },
  });
}

/** Whether a painter heeds something of a wish; all of it where this is not known yet. */
export function heeds(painter: Painter | undefined, what: string): boolean {
  return painter === undefined || painter.heeds === null || painter.heeds.includes(what);
}

export function knows(painter: Painter | undefined, condition: string): boolean {
  return painter?.conditions.some((each) => each.name === condition) ?? false;
}

/** Whether it can be told how much to forget of a picture it starts from: translations and upscalers keep what they see. */
export function forgets(painter: Painter): boolean {
  return heeds(painter, "init") && (!painter.starts || painter.examples);
}
