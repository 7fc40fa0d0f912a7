import type Konva from "konva";
import { useEffect, useRef, useState, type KeyboardEvent } from "react";
import { useTranslation } from "react-i18next";
import { Circle, Image as Shown, Layer, Line, Rect, Stage } from "react-konva";
import { shown as address } from "../api/pictures";
import type { Given } from "../paint/form";
import { shown, type Mark } from "./drawing";
import classes from "./Easel.module.css";
import type { Look } from "./Layers";
import type { Tool } from "./Tools";

interface Props {
  picture: Given;
  marks: Mark[];
  tool: Tool;
  size: number;
  look: Look;
  width: number;
  zoom: number;
  onMark: (mark: Mark) => void;
}

const INK = "#c23a2a";
const HIGHEST = 560;

interface Point {
  x: number;
  y: number;
}

/** The canvas: the picture, and the mask over it. Arrow keys and space draw as the mouse does. */
export function Easel({ picture, marks, tool, size, look, width, zoom, onMark }: Props) {
  const { t } = useTranslation();
  const image = useImage(address(picture.id));
  const [current, setShown] = useState<Mark | null>(null);
  // Pointers move faster than pages are drawn, so what is being drawn is kept beside what is shown of it.
  const live = useRef<Mark | null>(null);
  const [cursor, setCursor] = useState<Point | null>(null);
  const mask = useRef<Konva.Layer>(null);
  const scale = Math.min(width / picture.width, HIGHEST / picture.height) * zoom;

  // Set on the canvas rather than on its shapes, so that erasing erases at any opacity.
  useEffect(() => {
    const canvas = mask.current?.getNativeCanvasElement();
    if (canvas) canvas.style.opacity = look.mask ? String(look.opacity) : "0";
  });

  const put = (mark: Mark | null) => {
    live.current = mark;
    setShown(mark);
  };
  const begin = ({ x, y }: Point) =>
    put(tool === "rectangle" ? { kind: tool, x, y, width: 0, height: 0 } : { kind: tool, size, points: [x, y] });
  const extend = ({ x, y }: Point) => {
    const old = live.current;
    if (old === null || old.kind === "clear" || old.kind === "invert") return;
    if (old.kind === "rectangle") put({ ...old, width: x - old.x, height: y - old.y });
    else if (far(old.points, x, y, old.size)) put({ ...old, points: [...old.points, x, y] });
  };
  const end = () => {
    if (live.current !== null) onMark(tidy(live.current));
    put(null);
  };

  const at = (stage: Konva.Stage | null): Point | null => {
    const place = stage?.getPointerPosition();
    return place ? { x: round(place.x / scale), y: round(place.y / scale) } : null;
  };
  const keys = (event: KeyboardEvent) => {
    const place = cursor ?? { x: picture.width / 2, y: picture.height / 2 };
    const step = event.shiftKey ? 1 : Math.max(1, Math.round(size / 2));
    const moves: Record<string, Point> = {
      ArrowLeft: { x: -step, y: 0 },
      ArrowRight: { x: step, y: 0 },
      ArrowUp: { x: 0, y: -step },
      ArrowDown: { x: 0, y: step },
    };
    const move = moves[event.key];
    if (move) {
      const next = {
        x: Math.min(picture.width, Math.max(0, place.x + move.x)),
        y: Math.min(picture.height, Math.max(0, place.y + move.y)),
      };
      setCursor(next);
      extend(next);
    } else if (event.key === " ") {
      if (live.current === null) begin(place);
      else end();
      setCursor(place);
    } else if (event.key === "Escape" && live.current !== null) put(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div
      className={`checker ${classes.easel}`}
      tabIndex={0}
      role="application"
      aria-label={t("canvas.area", { width: picture.width, height: picture.height })}
      onKeyDown={keys}
      onBlur={() => setCursor(null)}
    >
      <Stage
        width={Math.max(1, picture.width * scale)}
        height={Math.max(1, picture.height * scale)}
        scaleX={scale}
        scaleY={scale}
        onPointerDown={(event) => {
          const place = at(event.target.getStage());
          if (place && event.evt.button === 0) begin(place);
        }}
        onPointerMove={(event) => {
          const place = at(event.target.getStage());
          if (place) extend(place);
        }}
        onPointerUp={end}
        onPointerLeave={end}
      >
        <Layer listening={false} visible={look.picture} imageSmoothingEnabled={picture.width > 96}>
          {image && <Shown image={image} width={picture.width} height={picture.height} />}
        </Layer>
        <Layer listening={false} ref={mask}>
          {shown(marks).map((mark, i) => (
            <Drawn key={i} mark={mark} picture={picture} />
          ))}
          {current && <Drawn mark={current} picture={picture} />}
        </Layer>
        <Layer listening={false}>
          {cursor && (
            <Circle
              {...cursor}
              radius={tool === "rectangle" ? 4 / scale : size / 2}
              stroke="#ffffff"
              strokeWidth={2 / scale}
              shadowColor="#000000"
              shadowBlur={2}
            />
          )}
        </Layer>
      </Stage>
    </div>
  );
}

function Drawn({ mark, picture }: { mark: Mark; picture: Given }) {
  if (mark.kind === "rectangle") return <Rect {...tidy(mark)} fill={INK} />;
  if (mark.kind === "invert") {
    return <Rect width={picture.width} height={picture.height} fill={INK} globalCompositeOperation="xor" />;
  }
  if (mark.kind === "clear") return null;
  const [x = 0, y = 0] = mark.points;
  return (
    <Line
      points={mark.points.length > 2 ? mark.points : [x, y, x, y]}
      stroke={INK}
      strokeWidth={mark.size}
      lineCap="round"
      lineJoin="round"
      globalCompositeOperation={mark.kind === "eraser" ? "destination-out" : "source-over"}
    />
  );
}

/** A rectangle from its upper left, whichever corner it was begun at. */
function tidy<T extends Mark>(mark: T): T {
  if (mark.kind !== "rectangle") return mark;
  const { x, y, width, height } = mark;
  return {
    ...mark,
    x: round(Math.min(x, x + width)),
    y: round(Math.min(y, y + height)),
    width: round(Math.abs(width)),
    height: round(Math.abs(height)),
  };
}

/** Whether a point adds anything to a line as broad as this one; a mask is kept with all its points. */
function far(points: number[], x: number, y: number, size: number): boolean {
  const [lastX = 0, lastY = 0] = points.slice(-2);
  return Math.hypot(x - lastX, y - lastY) >= Math.max(0.5, size / 10);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function useImage(source: string): HTMLImageElement | null {
  const [image, setImage] = useState<HTMLImageElement | null>(null);
  useEffect(() => {
    const loading = new Image();
    loading.onload = () => setImage(loading);
    loading.src = source;
    return () => {
      loading.onload = null;
    };
  }, [source]);
  return image;
}
