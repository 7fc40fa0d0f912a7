import { useInfiniteQuery, useMutation, useMutationState, useQuery, useQueryClient } from "@tanstack/react-query";
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

interface Change {
  paintings: Painting[];
  stars?: number;
  add?: string[];
  remove?: string[];
}

const CHANGE = ["change"];

const tagged = (tags: string[], { add = [], remove = [] }: Change) =>
  [...new Set([...tags, ...add])].filter((tag) => !remove.includes(tag));

/** Give several paintings stars, or give and take tags. One change after the other, so that each builds on the last. */
export function useChange() {
  const client = useQueryClient();
  return useMutation({
    mutationKey: CHANGE,
    scope: { id: "change" },
    mutationFn: async (asked: Change) => {
      for (const painting of asked.paintings) {
        const params = { path: { painting_id: painting.id } };
        const body: { stars?: number; tags?: string[] } = { stars: asked.stars };
        // The studio takes all tags at once, and those that are shown may be from before the last change.
        if (asked.add || asked.remove) {
          const now = await told(api.GET("/api/paintings/{painting_id}", { params }));
          body.tags = tagged(now.tags, asked);
        }
        const changed = await told(api.PATCH("/api/paintings/{painting_id}", { params, body }));
        client.setQueryData(["painting", painting.id], changed);
      }
    },
    onSettled: () => looked(client),
  });
}

/** A painting as it will be once the changes that are under way have arrived. */
export function useChanged(painting: Painting): Painting {
  const coming = useMutationState({
    filters: { mutationKey: CHANGE, status: "pending" },
    select: ({ state }) => state.variables as Change,
  }).filter(({ paintings }) => paintings.some(({ id }) => id === painting.id));
  return coming.reduce((old, asked) => ({ ...old, stars: asked.stars ?? old.stars, tags: tagged(old.tags, asked) }), painting);
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
