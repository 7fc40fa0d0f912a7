import { Autocomplete, Checkbox, Group, NativeSelect, SegmentedControl, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { heeds, knows } from "../api/painters";
import type { Painter } from "../api/types";
import { NumberField } from "../parts/NumberField";
import { useStore } from "../parts/store";
import { change, form } from "./form";

const SIDES = [32, 64, 128, 256, 512, 1024];
const MOST_SEED = Number.MAX_SAFE_INTEGER;

/** Size, seed and how it is painted; only what the painter heeds. */
export function Technique({ painter }: { painter: Painter }) {
  const { t } = useTranslation();
  const asked = useStore(form);
  const own = (value: number | string | null) => (value === null ? t("technique.own") : String(value));
  return (
    <Stack gap="md">
      <Size painter={painter} />
      <Stack gap={4}>
        <Text size="sm" fw={500} id="seed-label">
          {t("technique.seed")}
        </Text>
        <Group wrap="nowrap">
          <SegmentedControl
            aria-labelledby="seed-label"
            value={asked.seed === null ? "random" : "fixed"}
            data={[
              { value: "random", label: t("technique.random") },
              { value: "fixed", label: t("technique.fixed") },
            ]}
            onChange={(value) => change({ seed: value === "random" ? null : (asked.seed ?? 1) })}
          />
          {asked.seed !== null && (
            <NumberField
              flex={1}
              aria-label={t("technique.seedNumber")}
              min={0}
              max={MOST_SEED}
              allowDecimal={false}
              value={asked.seed}
              onChange={(seed) => change({ seed })}
            />
          )}
        </Group>
      </Stack>
      <Group grow align="flex-start">
        {heeds(painter, "steps") && (
          <NumberField
            label={t("technique.steps")}
            description={t("technique.stepsWhy")}
            placeholder={own(painter.steps)}
            min={1}
            max={1000}
            allowDecimal={false}
            value={asked.steps}
            onChange={(steps) => change({ steps })}
            onEmpty={() => change({ steps: null })}
          />
        )}
        {heeds(painter, "guidance") && (
          <NumberField
            label={t("technique.guidance")}
            description={t("technique.guidanceWhy")}
            placeholder={own(painter.guidance)}
            min={0}
            max={100}
            step={0.5}
            value={asked.guidance}
            onChange={(guidance) => change({ guidance })}
            onEmpty={() => change({ guidance: null })}
          />
        )}
      </Group>
      {knows(painter, "text") && (
        <Checkbox
          label={t("technique.asWritten")}
          description={t("technique.asWrittenWhy")}
          checked={asked.asWritten}
          onChange={(event) => change({ asWritten: event.currentTarget.checked })}
        />
      )}
      {knows(painter, "style") && (
        <Checkbox
          label={t("technique.soft")}
          description={t("technique.softWhy")}
          checked={asked.soft}
          onChange={(event) => change({ soft: event.currentTarget.checked })}
        />
      )}
      {heeds(painter, "sampler") && (
        <Autocomplete
          label={t("technique.sampler")}
          description={t("technique.samplerWhy")}
          placeholder={own(painter.sampler)}
          data={painter.samplers}
          value={asked.sampler}
          onChange={(sampler) => change({ sampler: sampler.trim() })}
        />
      )}
      <NumberField
        label={t("technique.priority")}
        description={t("technique.priorityWhy")}
        min={-100}
        max={100}
        allowDecimal={false}
        value={asked.priority}
        onChange={(priority) => change({ priority })}
      />
    </Stack>
  );
}

function Size({ painter }: { painter: Painter }) {
  const { t } = useTranslation();
  const { size } = useStore(form);
  const own = `${painter.shown[0]} × ${painter.shown[1]}`;
  const ratio = painter.height / painter.width;
  // A painter that is `sized` paints the shape it learnt only.
  const offered = [...new Set([painter.width, painter.shown[0], ...SIDES])]
    .filter((side) => side <= painter.largest)
    .sort((a, b) => a - b)
    .map((side) => [side, Math.round(side * ratio)] as [number, number]);
  const value = size === null ? "" : size.join("x");
  const known = size === null || offered.some((each) => each.join("x") === value);
  return (
    <Group align="flex-end" wrap="nowrap">
      <NativeSelect
        flex={1}
        label={t("technique.size")}
        value={value}
        data={[
          { value: "", label: painter.starts ? t("technique.asStart") : t("technique.ownIs", { value: own }) },
          ...offered.map(([width, height]) => ({ value: `${width}x${height}`, label: `${width} × ${height}` })),
          ...(known ? [] : [{ value, label: value.replace("x", " × ") }]),
        ]}
        onChange={(event) => {
          const [width, height] = event.currentTarget.value.split("x").map(Number);
          change({ size: width && height ? [width, height] : null });
        }}
      />
      {size !== null && !painter.sized && (
        <>
          <Side label={t("technique.width")} at={0} most={painter.largest} />
          <Side label={t("technique.height")} at={1} most={painter.largest} />
        </>
      )}
    </Group>
  );
}

function Side({ label, at, most }: { label: string; at: 0 | 1; most: number }) {
  const { size } = useStore(form);
  if (size === null) return null;
  return (
    <NumberField
      w={90}
      label={label}
      min={1}
      max={most}
      allowDecimal={false}
      value={size[at]}
      onChange={(side) => change({ size: at === 0 ? [side, size[1]] : [size[0], side] })}
    />
  );
}
