import { Accordion, Button, Group, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Given } from "../paint/form";
import { IconButton } from "../parts/IconButton";
import { NumberField } from "../parts/NumberField";
import { draw, type Drawing, type Mark } from "./drawing";

interface Props {
  picture: Given;
  drawing: Drawing;
  onChange: (drawing: Drawing) => void;
}

const SIDES = ["x", "y", "width", "height"] as const;

/** The mask in fields and words: rectangles by their numbers, and a list of what was drawn. */
export function Marks({ picture, drawing, onChange }: Props) {
  const { t } = useTranslation();
  const [given, setGiven] = useState({
    x: Math.round(picture.width / 4),
    y: Math.round(picture.height / 4),
    width: Math.round(picture.width / 2),
    height: Math.round(picture.height / 2),
  });
  const said = useSaid();
  return (
    <Accordion order={3} keepMounted={false} variant="separated">
      <Accordion.Item value="marks">
        <Accordion.Control>{t("canvas.marks", { count: drawing.marks.length })}</Accordion.Control>
        <Accordion.Panel>
          <Stack gap="sm">
            <Group grow gap="xs">
              {SIDES.map((side) => (
                <NumberField
                  key={side}
                  label={t(`canvas.side.${side}`)}
                  min={0}
                  max={side === "x" || side === "width" ? picture.width : picture.height}
                  allowDecimal={false}
                  value={given[side]}
                  onChange={(value) => setGiven({ ...given, [side]: value })}
                />
              ))}
            </Group>
            <Button variant="default" size="xs" onClick={() => onChange(draw(drawing, { kind: "rectangle", ...given }))}>
              {t("canvas.addRectangle")}
            </Button>
            <ol>
              {drawing.marks.map((mark, i) => (
                <li key={i}>
                  <Group justify="space-between" wrap="nowrap">
                    <Text size="sm">{said(mark)}</Text>
                    <IconButton
                      icon="stop"
                      label={t("common.removeNamed", { name: said(mark) })}
                      onClick={() => onChange({ marks: drawing.marks.filter((_, at) => at !== i), undone: [] })}
                    />
                  </Group>
                </li>
              ))}
            </ol>
          </Stack>
        </Accordion.Panel>
      </Accordion.Item>
    </Accordion>
  );
}

/** A mark in words. */
function useSaid(): (mark: Mark) => string {
  const { t } = useTranslation();
  return (mark) => {
    if (mark.kind === "rectangle") return t("canvas.said.rectangle", mark);
    if (mark.kind === "clear") return t("canvas.clear");
    if (mark.kind === "invert") return t("canvas.invert");
    const [x, y] = mark.points.map((value) => Math.round(value));
    return t("canvas.said.stroke", { tool: t(`canvas.tool.${mark.kind}`), size: mark.size, x, y });
  };
}
