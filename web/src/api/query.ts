/** How answers are kept: nothing is swallowed, and a studio on this machine needs no network. */
import { MutationCache, QueryCache, QueryClient } from "@tanstack/react-query";
import { passing, StudioError } from "./client";

type Tell = (error: unknown) => void;

declare module "@tanstack/react-query" {
  interface Register {
    /** `quiet`: whoever asks shows the error in its place. */
    queryMeta: { quiet?: boolean };
    mutationMeta: { quiet?: boolean };
  }
}

export function queryClient(tell: Tell): QueryClient {
  const heard = (error: unknown, quiet: boolean | undefined) => {
    if (error instanceof StudioError && error.status === 401) client.setQueryData(["me"], null);
    else if (!quiet) tell(error);
  };
  const again = (times: number, error: unknown) => times < 3 && passing(error);
  const client: QueryClient = new QueryClient({
    queryCache: new QueryCache({ onError: (error, query) => heard(error, query.meta?.quiet) }),
    mutationCache: new MutationCache({
      onError: (error, _given, _made, mutation) => heard(error, mutation.meta?.quiet),
    }),
    defaultOptions: {
      queries: { networkMode: "always", retry: again, staleTime: 5_000, refetchOnWindowFocus: false },
      mutations: { networkMode: "always" },
    },
  });
  return client;
}
