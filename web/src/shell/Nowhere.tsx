import { Anchor, Stack, Text, Title } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";

export function Nowhere() {
  const { t } = useTranslation();
  return (
    <Stack align="flex-start">
      <Title order={1}>{t("shell.nowhere")}</Title>
      <Text>{t("shell.nowhereWhy")}</Text>
      <Anchor component={Link} href="/">
        {t("nav.paint")}
      </Anchor>
    </Stack>
  );
}
