import { Button, Group, SegmentedControl, Stack, Text, Title, useMantineColorScheme } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useHealth, useLogout, useMay, useMe } from "../api/accounts";
import { language, type Language } from "../i18n";
import { useStore } from "../parts/store";
import { Keys } from "./Keys";
import { Password } from "./Password";
import classes from "./SettingsPage.module.css";
import { Users } from "./Users";

export default function SettingsPage() {
  const { t } = useTranslation();
  const me = useMe().data;
  const admin = useMay("admin");
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const now = useStore(language);
  const logout = useLogout();
  const health = useHealth().data;
  return (
    <Stack gap="lg" maw={820} mx="auto">
      <Title order={1}>{t("nav.settings")}</Title>
      <Part title={t("settings.look")}>
        <Group gap="xl">
          <Stack gap={4}>
            <Text size="sm" fw={500} id="language">
              {t("settings.language")}
            </Text>
            <SegmentedControl
              aria-labelledby="language"
              value={now}
              data={[
                { value: "en", label: "English" },
                { value: "zh", label: "简体中文" },
              ]}
              onChange={(value) => language.set(value as Language)}
            />
          </Stack>
          <Stack gap={4}>
            <Text size="sm" fw={500} id="theme">
              {t("settings.theme")}
            </Text>
            <SegmentedControl
              aria-labelledby="theme"
              value={colorScheme}
              data={[
                { value: "auto", label: t("settings.auto") },
                { value: "light", label: t("settings.light") },
                { value: "dark", label: t("settings.dark") },
              ]}
              onChange={(value) => setColorScheme(value as "auto" | "light" | "dark")}
            />
          </Stack>
        </Group>
      </Part>
      <Part title={t("settings.you")}>
        {me?.local ? (
          <Text>{t("settings.local")}</Text>
        ) : (
          <Stack>
            {" "}
            <Group justify="space-between">
              <Text>{t("settings.who", { name: me?.name, role: t(`settings.role.${me?.role ?? "viewer"}`) })}</Text>
              <Button variant="default" loading={logout.isPending} onClick={() => logout.mutate()}>
                {t("settings.logout")}
              </Button>
            </Group>
            <Password />
          </Stack>
        )}
      </Part>
      <Part title={t("settings.keys")}>
        <Keys local={me?.local ?? false} />
      </Part>
      {admin && (
        <Part title={t("settings.users")}>
          <Users local={me?.local ?? false} />
        </Part>
      )}
      <Part title={t("settings.about")}>
        <Text>{health && t("settings.version", { version: health.version, count: health.workers })}</Text>
        <Text c="dimmed">{t("settings.licence")}</Text>
      </Part>
    </Stack>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className={classes.part} aria-label={title}>
      <Title order={2}>{title}</Title>
      {children}
    </section>
  );
}
