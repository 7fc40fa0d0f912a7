import { Button, Center, Group, Paper, PasswordInput, Stack, Text, TextInput, Title } from "@mantine/core";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";
import { useLogin } from "../api/accounts";
import { Trouble } from "../parts/say";
import seal from "./seal.svg";
import { Tools } from "./Tools";

export function Login() {
  const { t } = useTranslation();
  const login = useLogin();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const send = (event: FormEvent) => {
    event.preventDefault();
    login.mutate({ name, password });
  };
  return (
    <Center component="main" mih="90vh" p="md">
      <Paper component="form" onSubmit={send} withBorder p="xl" w="100%" maw={400} bg="var(--paper)">
        <Stack>
          <Group justify="space-between">
            <img src={seal} alt="" width={48} height={48} />
            <Tools />
          </Group>
          <Title order={1}>{t("login.title")}</Title>
          <Text c="dimmed">{t("login.why")}</Text>
          <TextInput
            label={t("login.name")}
            autoComplete="username"
            required
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <PasswordInput
            label={t("login.password")}
            autoComplete="current-password"
            required
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
            visibilityToggleButtonProps={{ "aria-label": t("login.show") }}
          />
          <Trouble error={login.error} />
          <Button type="submit" loading={login.isPending}>
            {t("login.enter")}
          </Button>
        </Stack>
      </Paper>
    </Center>
  );
}
