import { Button, Group, PasswordInput, Stack } from "@mantine/core";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";
import { useChangePassword } from "../api/accounts";
import { Trouble } from "../parts/say";

/** Another password of one's own. */
export function Password() {
  const { t } = useTranslation();
  const change = useChangePassword();
  const [old, setOld] = useState("");
  const [next, setNext] = useState("");
  const send = (event: FormEvent) => {
    event.preventDefault();
    change.mutate({ old, new: next });
  };
  const show = { "aria-label": t("login.show") };
  return (
    <form onSubmit={send}>
      <Stack gap="sm">
        <Group grow align="flex-end">
          <PasswordInput
            label={t("settings.oldPassword")}
            required
            autoComplete="current-password"
            value={old}
            onChange={(event) => setOld(event.currentTarget.value)}
            visibilityToggleButtonProps={show}
          />
          <PasswordInput
            label={t("settings.newPassword")}
            required
            autoComplete="new-password"
            value={next}
            onChange={(event) => setNext(event.currentTarget.value)}
            visibilityToggleButtonProps={show}
          />
        </Group>
        <Group>
          <Button type="submit" variant="light" color="azurite" loading={change.isPending}>
            {t("settings.changePassword")}
          </Button>
        </Group>
        <Trouble error={change.error} />
      </Stack>
    </form>
  );
}
