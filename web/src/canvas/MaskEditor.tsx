import { Stack } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { useState, type KeyboardEvent } from "react";
import { useTranslation } from "react-i18next";
import type { Given } from "../paint/form";
import { draw, redo, undo, type Drawing } from "./drawing";
import { Easel } from "./Easel";
import { Layers, type Look } from "./Layers";
import { Marks } from "./Marks";
import { Tools, type Tool } from "./Tools";

interface Props {
  picture: Given;
  drawing: Drawing;
  onChange: (drawing: Drawing) => void;
}

const MOST_ZOOM = 8;

/** Where to paint anew, drawn over the start picture. Everything the canvas does can also be done by keys and in fields. */
export default function MaskEditor({ picture, drawing, onChange }: Props) {
  const { t } = useTranslation();
  const [tool, setTool] = useState<Tool>("brush");
  const [size, setSize] = useState(Math.max(4, Math.round(Math.max(picture.width, picture.height) / 10)));
  const [zoom, setZoom] = useState(1);
  const [look, setLook] = useState<Look>({ picture: true, mask: true, opacity: 0.6 });
  const { ref, width } = useElementSize();
  const largest = Math.max(picture.width, picture.height);
  const grow = (factor: number) => setSize((old) => Math.min(largest, Math.max(1, Math.round(old * factor))));
  const magnify = (factor: number) => setZoom((old) => Math.min(MOST_ZOOM, Math.max(1, old * factor)));

  const keys = (event: KeyboardEvent) => {
    if (event.target instanceof HTMLInputElement || event.altKey) return;
    const key = event.key.toLowerCase();
    const command = event.ctrlKey || event.metaKey;
    if (command && key === "z") onChange(event.shiftKey ? redo(drawing) : undo(drawing));
    else if (command && key === "y") onChange(redo(drawing));
    else if (command) return;
    else if (key === "b") setTool("brush");
    else if (key === "e") setTool("eraser");
    else if (key === "r") setTool("rectangle");
    else if (key === "[") grow(1 / 1.25);
    else if (key === "]") grow(1.25);
    else return;
    event.preventDefault();
  };

  return (
    <Stack gap="sm" ref={ref} onKeyDown={keys} role="group" aria-label={t("canvas.title")}>
      <Tools
        tool={tool}
        size={size}
        largest={largest}
        drawing={drawing}
        onTool={setTool}
        onSize={setSize}
        onZoom={(step) => (step === 0 ? setZoom(1) : magnify(step > 0 ? 1.5 : 1 / 1.5))}
        onChange={onChange}
      />
      {width > 0 && (
        <Easel
          picture={picture}
          marks={drawing.marks}
          tool={tool}
          size={size}
          look={look}
          width={width}
          zoom={zoom}
          onMark={(mark) => onChange(draw(drawing, mark))}
        />
      )}
      <Layers look={look} onChange={setLook} />
      <Marks picture={picture} drawing={drawing} onChange={onChange} />
    </Stack>
  );
}
