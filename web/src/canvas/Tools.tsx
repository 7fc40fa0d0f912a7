import { ActionIcon, Group, Slider, Text, Tooltip } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Icon, type IconName } from "../parts/icons";
import { IconButton } from "../parts/IconButton";
import { draw, redo, shown, undo, type Drawing } from "./drawing";

export type Tool = "brush" | "eraser" | "rectangle";
const TOOLS: Tool[] = ["brush", "eraser", "rectangle"];

interface Props {
  tool: Tool;
  size: number;
  largest: number;
  drawing: Drawing;
  onTool: (tool: Tool) => void;
  onSize: (size: number) => void;
  onZoom: (step: -1 | 0 | 1) => void;
  onChange: (drawing: Drawing) => void;
}

export function Tools({ tool, size, largest, drawing, onTool, onSize, onZoom, onChange }: Props) {
  const { t } = useTranslation();
  return (
    <>
      <Group gap={4} role="toolbar" aria-label={t("canvas.tools")}>
        {TOOLS.map((each) => (
          <Tooltip key={each} label={t(`canvas.tool.${each}`)}>
            <ActionIcon
              size="lg"
              variant={tool === each ? "filled" : "subtle"}
              color={tool === each ? "azurite" : "gray"}
              aria-pressed={tool === each}
              aria-label={t(`canvas.tool.${each}`)}
              onClick={() => onTool(each)}
            >
              <Icon name={each satisfies IconName} />
            </ActionIcon>
          </Tooltip>
        ))}
        <IconButton
          icon="undo"
          label={t("canvas.undo")}
          disabled={drawing.marks.length === 0}
          onClick={() => onChange(undo(drawing))}
        />
        <IconButton
          icon="redo"
          label={t("canvas.redo")}
          disabled={drawing.undone.length === 0}
          onClick={() => onChange(redo(drawing))}
        />
        <IconButton icon="invert" label={t("canvas.invert")} onClick={() => onChange(draw(drawing, { kind: "invert" }))} />
        <IconButton
          icon="trash"
          label={t("canvas.clear")}
          disabled={shown(drawing.marks).length === 0}
          onClick={() => onChange(draw(drawing, { kind: "clear" }))}
        />
        <IconButton icon="zoomOut" label={t("canvas.zoomOut")} onClick={() => onZoom(-1)} />
        <IconButton icon="zoomIn" label={t("canvas.zoomIn")} onClick={() => onZoom(1)} />
        <IconButton icon="fit" label={t("canvas.fit")} onClick={() => onZoom(0)} />
      </Group>
      {tool !== "rectangle" && (
        <Group wrap="nowrap" gap="sm">
          <Text size="sm" id="brush-size">
            {t("canvas.size")}
          </Text>
          <Slider flex={1} min={1} max={largest} value={size} color="azurite" thumbLabel={t("canvas.size")} onChange={onSize} />
          <Text size="sm" miw={64} ta="end">
            {size} px
          </Text>
        </Group>
      )}
    </>
  );
}
