import { Alert, Group, NativeSelect, Stack, Switch, Text, Textarea } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Painter } from "../api/types";
import { useStore } from "../parts/store";
import { change, form, type Axis } from "./form";
import { settings } from "./grid";
import { useSettingName } from "./names";
import { planned } from "./usePaint";

/** Two settings, each with a list of values: a painting for every pair. */
export function GridField({ painter }: { painter: Painter }) {
  const { t } = useTranslation();
  const asked = useStore(form);
  const offered = settings(painter, asked.start !== null);
  const plan = asked.grid ? planned(asked) : null;
  return (
    <Stack gap="sm">
      <Text size="sm" c="dimmed">
        {t("grid.why")}
      </Text>
      <Switch label={t("grid.on")} checked={asked.grid} onChange={(event) => change({ grid: event.currentTarget.checked })} />
      {asked.grid && (
        <Group grow align="flex-start">
          <AxisField label={t("grid.across")} axis={asked.across} offered={offered} onChange={(across) => change({ across })} />
          <AxisField label={t("grid.down")} axis={asked.down} offered={offered} onChange={(down) => change({ down })} />
        </Group>
      )}
      {typeof plan === "string" && (
        <Alert color="yellow" variant="light">
          {t(`grid.wrong.${plan}`)}
        </Alert>
      )}
    </Stack>
  );
}

interface Props {
  label: string;
  axis: Axis;
  offered: string[];
  onChange: (axis: Axis) => void;
}

function AxisField({ label, axis, offered, onChange }: Props) {
  const { t } = useTranslation();
  const named = useSettingName();
  const names = offered.includes(axis.setting) ? offered : [axis.setting, ...offered];
  return (
    <Stack gap="xs">
      <NativeSelect
        label={label}
        data={names.map((name) => ({ value: name, label: named(name) }))}
        value={axis.setting}
        onChange={(event) => onChange({ ...axis, setting: event.currentTarget.value })}
      />
      <Textarea
        label={t("grid.values")}
        autosize
        minRows={3}
        maxRows={8}
        value={axis.values}
        onChange={(event) => onChange({ ...axis, values: event.currentTarget.value })}
      />
    </Stack>
  );
}
