/** A mask as what was done to make it, so that all of it can be undone, kept and told in words. */

export type Mark =
  | { kind: "brush" | "eraser"; size: number; points: number[] }
  | { kind: "rectangle"; x: number; y: number; width: number; height: number }
  | { kind: "clear" }
  | { kind: "invert" };

export interface Drawing {
  marks: Mark[];
  undone: Mark[];
}

export const EMPTY: Drawing = { marks: [], undone: [] };

export function draw(drawing: Drawing, mark: Mark): Drawing {
  return { marks: [...drawing.marks, mark], undone: [] };
}

export function undo({ marks, undone }: Drawing): Drawing {
  const last = marks.at(-1);
  return last === undefined ? { marks, undone } : { marks: marks.slice(0, -1), undone: [...undone, last] };
}

export function redo({ marks, undone }: Drawing): Drawing {
  const next = undone.at(-1);
  return next === undefined ? { marks, undone } : { marks: [...marks, next], undone: undone.slice(0, -1) };
}

/** What still shows: nothing from before everything was cleared. */
export function shown(marks: Mark[]): Mark[] {
  return marks.slice(marks.findLastIndex((mark) => mark.kind === "clear") + 1);
}

/** The mask as PNG: white where to paint, black where to keep; nothing where nothing is marked. */
export async function maskOf(drawing: Drawing, width: number, height: number): Promise<Blob | null> {
  const marks = shown(drawing.marks);
  if (marks.length === 0) return null;
  const canvas = new OffscreenCanvas(width, height);
  const pen = canvas.getContext("2d") as OffscreenCanvasRenderingContext2D;
  pen.fillStyle = pen.strokeStyle = "#ffffff";
  pen.lineCap = pen.lineJoin = "round";
  for (const mark of marks) stroke(pen, mark, width, height);
  pen.globalCompositeOperation = "destination-over";
  pen.fillStyle = "#000000";
  pen.fillRect(0, 0, width, height);
  return canvas.convertToBlob({ type: "image/png" });
}

function stroke(pen: OffscreenCanvasRenderingContext2D, mark: Mark, width: number, height: number): void {
  pen.globalCompositeOperation = mark.kind === "eraser" ? "destination-out" : mark.kind === "invert" ? "xor" : "source-over";
  if (mark.kind === "rectangle") pen.fillRect(mark.x, mark.y, mark.width, mark.height);
  else if (mark.kind === "invert") pen.fillRect(0, 0, width, height);
  else if (mark.kind !== "clear") {
    pen.lineWidth = mark.size;
    pen.beginPath();
    pen.moveTo(mark.points[0] ?? 0, mark.points[1] ?? 0);
    // A tap is a dot: a line of no length has round ends.
    for (let i = mark.points.length > 2 ? 2 : 0; i < mark.points.length; i += 2) {
      pen.lineTo(mark.points[i] ?? 0, mark.points[i + 1] ?? 0);
    }
    pen.stroke();
  }
}
