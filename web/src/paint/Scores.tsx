import { Group, Text, Tooltip } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { usePainters } from "../api/painters";
import type { Painting } from "../api/types";
import { useSettingName } from "./names";

/** Conditions whose scores are explained in words of their own. */
const EXPLAINED = ["palette", "style"];
/** Letters of a unit that still stands beside a number. */
const SHORT = 6;

/** By how much each condition was missed, with what the number means. */
export function Scores({ painting }: { painting: Painting }) {
  const { t } = useTranslation();
  const named = useSettingName();
  const conditions = usePainters().data?.find(({ name }) => name === painting.painter)?.conditions;
  return (
    <Group gap="xs">
      {Object.entries(painting.scores).map(([name, value]) => {
        const unit = conditions?.find((each) => each.name === name)?.unit ?? "";
        const why = EXPLAINED.includes(name) ? t(`scores.why.${name}`) : t("scores.why.other", { unit });
        const number = `${value.toFixed(value < 1 ? 3 : 1)} ${unit.length <= SHORT ? unit : ""}`.trim();
        const text = t("scores.missed", { name: named(name), value: number });
        return (
          <Tooltip key={name} label={why} multiline w={260} events={{ hover: true, focus: true, touch: true }}>
            <Text span size="xs" c="dimmed" tabIndex={0} aria-label={`${text}. ${why}`} role="note">
              {text}
            </Text>
          </Tooltip>
        );
      })}
    </Group>
  );
}
