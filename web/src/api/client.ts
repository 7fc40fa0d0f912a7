/** The one way to the studio: typed by its OpenAPI document, and every refusal is an error with the studio's sentence. */
import createClient from "openapi-fetch";
import type { paths } from "./schema";

export const api = createClient<paths>({ baseUrl: window.location.origin });

/** What the studio refused, or, with status 0, that it cannot be reached. */
export class StudioError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly field: string | null = null,
  ) {
    super(message);
  }
}

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The answer's data. */
export async function told<T>(asked: Promise<Answer<T>>): Promise<T> {
  let answer: Answer<T>;
  try {
    answer = await asked;
  } catch (error) {
    throw new StudioError(0, String(error));
  }
  if (!answer.response.ok) throw refusal(answer.response.status, answer.error);
  return answer.data as T;
}

export function refusal(status: number, body: unknown): StudioError {
  const error = (body as { error?: { message?: string; param?: string | null } } | undefined)?.error;
  return new StudioError(status, error?.message ?? `HTTP ${status}`, error?.param ?? null);
}

/** Whether asking again may help: the studio was away, or failed. */
export function passing(error: unknown): boolean {
  return error instanceof StudioError && (error.status === 0 || error.status >= 502);
}
