import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, told } from "./client";
import { inPortions } from "./portions";

export function useBoards() {
  return useQuery({ queryKey: ["boards"], queryFn: () => told(api.GET("/api/boards")) });
}

type Step =
  | { what: "add"; name: string; paintings?: string[] }
  | { what: "rename"; id: string; name: string }
  | { what: "remove"; id: string }
  | { what: "pin" | "unpin"; id: string; paintings: string[] };

/** Make, rename and remove boards; put paintings on them and take them off. */
export function useBoard() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async (step: Step): Promise<void> => {
      if (step.what === "add") {
        const board = await told(api.POST("/api/boards", { body: { name: step.name } }));
        if (step.paintings?.length) await pin(board.id, step.paintings);
        return;
      }
      const params = { path: { board_id: step.id } };
      if (step.what === "rename") await told(api.PATCH("/api/boards/{board_id}", { params, body: { name: step.name } }));
      else if (step.what === "remove") await told(api.DELETE("/api/boards/{board_id}", { params }));
      else if (step.what === "pin") await pin(step.id, step.paintings);
      else {
        await inPortions(step.paintings, (paintings) =>
          told(api.POST("/api/boards/{board_id}/remove", { params, body: { paintings } })),
        );
      }
    },
    onSettled: () => {
      void client.invalidateQueries({ queryKey: ["boards"] });
      void client.invalidateQueries({ queryKey: ["paintings"] });
    },
  });
}

async function pin(board: string, all: string[]): Promise<void> {
  const params = { path: { board_id: board } };
  await inPortions(all, (paintings) => told(api.POST("/api/boards/{board_id}/add", { params, body: { paintings } })));
}
