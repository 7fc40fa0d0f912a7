import { Alert, Button, Code, CopyButton, Group, Stack, Table, Text, TextInput } from "@mantine/core";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";
import { useAddKey, useKeys, useRemoveKey } from "../api/accounts";
import { Trouble } from "../parts/say";

/** Keys for programs. A key itself is shown once, when it is made. */
export function Keys({ local }: { local: boolean }) {
  const { t } = useTranslation();
  const keys = useKeys();
  const add = useAddKey();
  const remove = useRemoveKey();
  const [name, setName] = useState("");
  const send = (event: FormEvent) => {
    event.preventDefault();
    add.mutate(name.trim(), { onSuccess: () => setName("") });
  };
  return (
    <Stack>
      <Text c="dimmed">{local ? t("settings.keysLocal") : t("settings.keysWhy")}</Text>
      {(keys.data?.length ?? 0) > 0 && (
        <Table>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t("settings.keyName")}</Table.Th>
              <Table.Th>{t("settings.keyUsed")}</Table.Th>
              <Table.Th>{t("common.actions")}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {keys.data?.map((key) => (
              <Table.Tr key={key.id}>
                <Table.Td>
                  {key.name} <Code>{key.hint}</Code>
                </Table.Td>
                <Table.Td>{key.used ? new Date(key.used).toLocaleString() : t("settings.never")}</Table.Td>
                <Table.Td>
                  <Button
                    size="xs"
                    variant="default"
                    aria-label={t("common.removeNamed", { name: key.name })}
                    onClick={() => remove.mutate(key.id)}
                  >
                    {t("common.remove")}
                  </Button>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
      {add.data?.key && (
        <Alert color="azurite" title={t("settings.keyOnce")} role="status">
          <Group>
            <Code>{add.data.key}</Code>
            <CopyButton value={add.data.key}>
              {({ copied, copy }) => (
                <Button size="xs" variant="default" onClick={copy}>
                  {copied ? t("settings.copied") : t("settings.copy")}
                </Button>
              )}
            </CopyButton>
          </Group>
        </Alert>
      )}
      <form onSubmit={send}>
        <Group align="flex-end">
          <TextInput
            flex={1}
            required
            maxLength={100}
            label={t("settings.keyFor")}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <Button type="submit" variant="light" color="azurite" loading={add.isPending}>
            {t("settings.keyAdd")}
          </Button>
        </Group>
      </form>
      <Trouble error={add.error ?? keys.error} />
    </Stack>
  );
}
