import { Button, Checkbox, Group, Loader, Stack, Text } from "@mantine/core";
import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import { forgets, heeds } from "../api/painters";
import type { Painter } from "../api/types";
import { EMPTY } from "../canvas/drawing";
import { Framed } from "../parts/Framed";
import { NumberField } from "../parts/NumberField";
import { PictureChooser } from "../parts/PictureChooser";
import { useStore } from "../parts/store";
import { address } from "./Conditions";
import classes from "./Conditions.module.css";
import { change, form } from "./form";

// The canvas brings a drawing library along, which most visits never need.
const MaskEditor = lazy(() => import("../canvas/MaskEditor"));

/** A picture to start from, how much of it to forget, and where. */
export function StartField({ painter }: { painter: Painter }) {
  const { t } = useTranslation();
  const { start, strength, keepColours, mask } = useStore(form);
  if (start === null) {
    return (
      <Stack gap="sm">
        <Text size="sm" c="dimmed">
          {painter.starts ? t("start.needed") : t("start.why")}
        </Text>
        <PictureChooser
          label={t("start.choose")}
          onChoose={([picture]) => picture && change({ start: picture, mask: EMPTY })}
        />
      </Stack>
    );
  }
  return (
    <Stack gap="md">
      <Group justify="space-between" wrap="nowrap">
        {heeds(painter, "mask") ? (
          <Text size="sm" c="dimmed">
            {t("start.maskWhy")}
          </Text>
        ) : (
          <div className={classes.example}>
            <Framed src={address(start.id)} alt={t("start.picture")} />
          </div>
        )}
        <Button flex="none" variant="default" size="xs" onClick={() => change({ start: null, mask: EMPTY })}>
          {t("start.remove")}
        </Button>
      </Group>
      {heeds(painter, "mask") && (
        <Suspense fallback={<Loader color="azurite" aria-label={t("common.waiting")} />}>
          <MaskEditor picture={start} drawing={mask} onChange={(changed) => change({ mask: changed })} />
        </Suspense>
      )}
      {forgets(painter) && (
        <NumberField
          label={t("start.strength")}
          description={t("start.strengthWhy")}
          placeholder={t("technique.own")}
          min={0.05}
          max={1}
          step={0.05}
          decimalScale={3}
          value={strength}
          onChange={(given) => change({ strength: given })}
          onEmpty={() => change({ strength: null })}
        />
      )}
      <Checkbox
        label={t("start.keepColours")}
        checked={keepColours}
        onChange={(event) => change({ keepColours: event.currentTarget.checked })}
      />
    </Stack>
  );
}
