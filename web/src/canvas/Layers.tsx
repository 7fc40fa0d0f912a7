import { Checkbox, Group, Slider, Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";

export interface Look {
  picture: boolean;
  mask: boolean;
  opacity: number;
}

/** The canvas's layers: which show, and how much of the picture shows through the mask. */
export function Layers({ look, onChange }: { look: Look; onChange: (look: Look) => void }) {
  const { t } = useTranslation();
  return (
    <Stack gap={8} role="group" aria-label={t("canvas.layers")}>
      <Group wrap="nowrap">
        <Checkbox
          label={t("canvas.layer.mask")}
          checked={look.mask}
          onChange={(event) => onChange({ ...look, mask: event.currentTarget.checked })}
        />
        <Slider
          flex={1}
          min={0.1}
          max={1}
          step={0.1}
          value={look.opacity}
          color="azurite"
          thumbLabel={t("canvas.opacity")}
          label={(value) => `${Math.round(value * 100)} %`}
          onChange={(opacity) => onChange({ ...look, opacity })}
        />
      </Group>
      <Checkbox
        label={t("canvas.layer.picture")}
        checked={look.picture}
        onChange={(event) => onChange({ ...look, picture: event.currentTarget.checked })}
      />
    </Stack>
  );
}
