import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, told } from "./client";
import { inPortions } from "./portions";
import type { Painting } from "./types";

/** What the gallery is searched for. */
export interface Search {
  words: string;
  tags: string[];
  painter: string | null;
  board: string | null;
  stars: number;
  colour: string | null;
  trashed: boolean;
}

export const EVERYTHING: Search = {
  words: "",
  tags: [],
  painter: null,
  board: null,
  stars: 0,
  colour: null,
  trashed: false,
};

const PAGE = 120;

export function useGallery(search: Search) {
  return useInfiniteQuery({
    queryKey: ["paintings", "search", search],
    queryFn: ({ pageParam }) =>
      told(
        api.GET("/api/paintings", {
          params: {
            query: {
              words: search.words,
              tag: search.tags,
              painter: search.painter ?? undefined,
              board: search.board ?? undefined,
              stars: search.stars,
              colour: search.colour ?? undefined,
              trashed: search.trashed,
              before: pageParam ?? undefined,
              most: PAGE,
            },
          },
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.before,
    meta: { quiet: true },
  });
}

/** The newest paintings, for the easel. */
export function useNewest(most: number) {
  return useQuery({
    queryKey: ["paintings", "newest", most],
    queryFn: () => told(api.GET("/api/paintings", { params: { query: { most } } })),
  });
}

export function usePainting(id: string | null) {
  return useQuery({
    queryKey: ["painting", id],
    queryFn: () => told(api.GET("/api/paintings/{painting_id}", { params: { path: { painting_id: id ?? "" } } })),
    enabled: id !== null,
    meta: { quiet: true },
  });
}

export function useRecord(id: string) {
  return useQuery({
    queryKey: ["record", id],
    queryFn: () => told(api.GET("/api/paintings/{painting_id}/record", { params: { path: { painting_id: id } } })),
    staleTime: Infinity,
    meta: { quiet: true },
  });
}

export function useTags() {
  return useQuery({ queryKey: ["tags"], queryFn: () => told(api.GET("/api/tags")) });
}

/** Stars or tags of several paintings; tags may be added to what each has. */
export function useChange() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async (asked: { paintings: Painting[]; stars?: number; tags?: string[]; add?: string[] }) => {
      for (const painting of asked.paintings) {
        const tags = asked.add === undefined ? asked.tags : [...new Set([...painting.tags, ...asked.add])];
        await told(
          api.PATCH("/api/paintings/{painting_id}", {
            params: { path: { painting_id: painting.id } },
            body: { stars: asked.stars, tags },
          }),
        );
      }
    },
    onSettled: () => looked(client),
  });
}

export function useTrash() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async ({ paintings, back }: { paintings: string[]; back?: boolean }) => {
      const path = back ? "/api/paintings/restore" : "/api/paintings/trash";
      const moved = await inPortions(paintings, (portion) => told(api.POST(path, { body: { paintings: portion } })));
      return { count: moved.reduce((sum, { count }) => sum + count, 0) };
    },
    onSettled: () => looked(client),
  });
}

/** Delete for good: some of the trash, or all. */
export function usePurge() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async (paintings: string[] | null) => {
      if (paintings === null) await told(api.POST("/api/paintings/purge"));
      else await inPortions(paintings, (portion) => told(api.POST("/api/paintings/purge", { body: { paintings: portion } })));
    },
    onSettled: () => looked(client),
  });
}

/** Whatever shows paintings looks again. */
export function looked(client: ReturnType<typeof useQueryClient>): void {
  for (const name of ["paintings", "painting", "tags", "boards"]) void client.invalidateQueries({ queryKey: [name] });
}

type Side = 64 | 128 | 256 | 512;

export const small = (id: string, side: Side = 256) => `/api/paintings/${id}/small?side=${side}`;
export const whole = (id: string) => `/api/paintings/${id}/file`;
