import { useQuery } from "@tanstack/react-query";
import { refusal, api, StudioError, told } from "./client";
import type { Palette, Picture } from "./types";

/** Give the studio a picture. Sent as a form, which the typed client cannot describe. */
export async function upload(picture: Blob, name: string): Promise<Picture> {
  const form = new FormData();
  form.append("picture", picture, name);
  let response: Response;
  try {
    response = await fetch("/api/pictures", { method: "POST", body: form });
  } catch (error) {
    throw new StudioError(0, String(error));
  }
  const body: unknown = await response.json().catch(() => undefined);
  if (!response.ok) throw refusal(response.status, body);
  return body as Picture;
}

/** The pictures that were given, the newest first. */
export function usePictures(most: number) {
  return useQuery({
    queryKey: ["pictures", most],
    queryFn: () => told(api.GET("/api/pictures", { params: { query: { most } } })),
    staleTime: 0,
  });
}

/** The picture at an address, fetched by the studio. */
export function fetched(address: string): Promise<Picture> {
  return told(api.POST("/api/pictures/fetch", { body: { address } }));
}

export function palette(id: string): Promise<Palette> {
  return told(api.GET("/api/pictures/{picture_id}/palette", { params: { path: { picture_id: id } } }));
}

/** What masks are called, so that they are not offered where pictures are chosen. */
export const MASK = "mask of the page.png";

export const shown = (id: string) => `/api/pictures/${id}`;

/** How large a picture or painting is; `null` where it cannot be had, as when it was deleted. */
export function sizeOf(id: string): Promise<{ width: number; height: number } | null> {
  return new Promise((resolve) => {
    const picture = new Image();
    picture.onload = () => resolve({ width: picture.naturalWidth, height: picture.naturalHeight });
    picture.onerror = () => resolve(null);
    picture.src = shown(id);
  });
}
