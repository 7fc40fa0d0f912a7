import { Group, Text, Tooltip } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useSettingName } from "./names";

const EXPLAINED = ["palette", "style"];

/** By how much each condition was missed, with what the number means. */
export function Scores({ scores }: { scores: Record<string, number> }) {
  const { t } = useTranslation();
  const named = useSettingName();
  return (
    <Group gap="xs">
      {Object.entries(scores).map(([name, value]) => {
        const unit = EXPLAINED.includes(name) ? t(`scores.unit.${name}`) : "";
        const why = EXPLAINED.includes(name) ? t(`scores.why.${name}`) : t("scores.why.other");
        const text = t("scores.missed", { name: named(name), value: value.toFixed(value < 1 ? 3 : 1), unit });
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
