import { notifications } from "@mantine/notifications";
import { useMutation, useQuery, useQueryClient, type QueryClient } from "@tanstack/react-query";
import { forget, savedStore } from "../parts/store";
import { api, StudioError, told } from "./client";
import type { Me, Role } from "./types";

/** Who uses the page; `null` where somebody has to log in. */
export function useMe() {
  return useQuery({
    queryKey: ["me"],
    queryFn: async () => {
      try {
        return await told(api.GET("/api/me"));
      } catch (error) {
        if (error instanceof StudioError && error.status === 401) return null;
        throw error;
      }
    },
    staleTime: Infinity,
    retry: true,
    retryDelay: 1500,
    meta: { quiet: true },
  });
}

const RANKS: Role[] = ["viewer", "maker", "admin"];

/** Whether who uses the page may do what needs a role. */
export function useMay(role: Role): boolean {
  const me = useMe().data;
  return me != null && RANKS.indexOf(me.role as Role) >= RANKS.indexOf(role);
}

/** Whose what this browser keeps is: whoever logged in last, until they log out. */
const whose = savedStore<string | null>("whose", (kept) => (typeof kept === "string" ? kept : null));

/** Somebody else uses the page now: what the last one saw and typed is forgotten. */
function become(client: QueryClient, me: Me | null): void {
  // Who did not log out but has to log in again, as everybody does after some weeks, finds the form as it was.
  if (me === null || me.id !== whose.get()) forget();
  whose.set(me?.id ?? null);
  notifications.clean();
  client.setQueryData(["me"], me);
  client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== "me" });
}

export function useLogin() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (asked: { name: string; password: string }) => told(api.POST("/api/login", { body: asked })),
    onSuccess: (me) => {
      become(client, me);
    },
    meta: { quiet: true },
  });
}

export function useLogout() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => told(api.POST("/api/logout")),
    onSuccess: () => {
      become(client, null);
    },
  });
}

/** Another password of one's own; everybody with the old one has to log in again. */
export function useChangePassword() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (asked: { old: string; new: string }) => told(api.POST("/api/password", { body: asked })),
    onSuccess: () => become(client, null),
    meta: { quiet: true },
  });
}

export function useHealth() {
  return useQuery({ queryKey: ["health"], queryFn: () => told(api.GET("/api/health")) });
}

export function useUsers() {
  return useQuery({ queryKey: ["users"], queryFn: () => told(api.GET("/api/users")) });
}

export function useAddUser() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (asked: { name: string; password: string; role: Role }) => told(api.POST("/api/users", { body: asked })),
    onSuccess: () => client.invalidateQueries(),
    meta: { quiet: true },
  });
}

export function useChangeUser() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, ...change }: { id: string; role?: Role; active?: boolean; password?: string }) =>
      told(api.PATCH("/api/users/{user_id}", { params: { path: { user_id: id } }, body: change })),
    onSettled: () => client.invalidateQueries({ queryKey: ["users"] }),
  });
}

export function useKeys() {
  return useQuery({ queryKey: ["keys"], queryFn: () => told(api.GET("/api/keys")) });
}

export function useAddKey() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (name: string) => told(api.POST("/api/keys", { body: { name } })),
    onSuccess: () => client.invalidateQueries({ queryKey: ["keys"] }),
    meta: { quiet: true },
  });
}

export function useRemoveKey() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => told(api.DELETE("/api/keys/{key_id}", { params: { path: { key_id: id } } })),
    onSettled: () => client.invalidateQueries({ queryKey: ["keys"] }),
  });
}
