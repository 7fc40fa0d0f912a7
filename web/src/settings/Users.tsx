import {
  Alert,
  Button,
  Code,
  Group,
  SimpleGrid,
  NativeSelect,
  PasswordInput,
  Stack,
  Switch,
  Table,
  Text,
  TextInput,
} from "@mantine/core";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";
import { useAddUser, useChangeUser, useUsers } from "../api/accounts";
import type { Role } from "../api/types";
import { Trouble } from "../parts/say";

const ROLES: Role[] = ["viewer", "maker", "admin"];

/** Who may come in, and what they may do. */
export function Users({ local }: { local: boolean }) {
  const { t } = useTranslation();
  const users = useUsers();
  const change = useChangeUser();
  const roles = ROLES.map((role) => ({ value: role, label: t(`settings.role.${role}`) }));
  return (
    <Stack>
      {local && (
        <Alert color="azurite" variant="light">
          <Text size="sm">{t("settings.noUsers")}</Text>
          <Code>danqing users add NAME --role admin</Code>
        </Alert>
      )}
      {(users.data?.length ?? 0) > 0 && (
        <Table>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t("login.name")}</Table.Th>
              <Table.Th>{t("settings.roleOf")}</Table.Th>
              <Table.Th>{t("settings.active")}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {users.data?.map((user) => (
              <Table.Tr key={user.id}>
                <Table.Td>{user.name}</Table.Td>
                <Table.Td>
                  <NativeSelect
                    aria-label={t("settings.roleNamed", { name: user.name })}
                    data={roles}
                    value={user.role}
                    onChange={(event) => change.mutate({ id: user.id, role: event.currentTarget.value as Role })}
                  />
                </Table.Td>
                <Table.Td>
                  <Switch
                    aria-label={t("settings.activeNamed", { name: user.name })}
                    checked={user.active}
                    onChange={(event) => change.mutate({ id: user.id, active: event.currentTarget.checked })}
                  />
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
      <Trouble error={users.error} />
      <NewUser first={local} roles={roles} />
    </Stack>
  );
}

function NewUser({ first, roles }: { first: boolean; roles: { value: string; label: string }[] }) {
  const { t } = useTranslation();
  const add = useAddUser();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [role, setRole] = useState<Role>(first ? "admin" : "maker");
  const send = (event: FormEvent) => {
    event.preventDefault();
    add.mutate(
      { name: name.trim(), password, role },
      {
        onSuccess: () => {
          setName("");
          setPassword("");
        },
      },
    );
  };
  return (
    <form onSubmit={send}>
      <Stack gap="sm">
        <SimpleGrid cols={{ base: 1, sm: 3 }}>
          <TextInput
            label={t("login.name")}
            required
            maxLength={64}
            autoComplete="off"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <PasswordInput
            label={t("login.password")}
            required
            autoComplete="new-password"
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
            visibilityToggleButtonProps={{ "aria-label": t("login.show") }}
          />
          <NativeSelect
            label={t("settings.roleOf")}
            data={first ? roles.filter(({ value }) => value === "admin") : roles}
            value={role}
            onChange={(event) => setRole(event.currentTarget.value as Role)}
          />
        </SimpleGrid>
        <Group>
          <Button type="submit" variant="light" color="azurite" loading={add.isPending}>
            {first ? t("settings.addFirst") : t("settings.addUser")}
          </Button>
        </Group>
        <Trouble error={add.error} />
      </Stack>
    </form>
  );
}
