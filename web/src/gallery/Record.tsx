import { Accordion, Loader, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useRecord } from "../api/paintings";
import { Trouble } from "../parts/say";
import classes from "./Record.module.css";

/** What the painting's file carries. */
export function Record({ id }: { id: string }) {
  const { t } = useTranslation();
  return (
    <Accordion order={3} variant="separated" keepMounted={false}>
      <Accordion.Item value="record">
        <Accordion.Control>{t("detail.record")}</Accordion.Control>
        <Accordion.Panel>
          <Text size="sm" c="dimmed" mb="xs">
            {t("detail.recordWhy")}
          </Text>
          <Texts id={id} />
        </Accordion.Panel>
      </Accordion.Item>
    </Accordion>
  );
}

function Texts({ id }: { id: string }) {
  const { t } = useTranslation();
  const found = useRecord(id);
  if (found.isPending) return <Loader size="sm" color="azurite" aria-label={t("common.waiting")} />;
  return (
    <Stack gap="sm">
      <Trouble error={found.error} />
      {Object.entries(found.data ?? {}).map(([name, text]) => (
        <div key={name}>
          <Text size="sm" fw={600}>
            {name}
          </Text>
          <pre className={classes.text} tabIndex={0} aria-label={name}>
            {pretty(text)}
          </pre>
        </div>
      ))}
    </Stack>
  );
}

function pretty(text: string): string {
  try {
    return text.startsWith("{") ? JSON.stringify(JSON.parse(text), null, 1) : text;
  } catch {
    return text;
  }
}
