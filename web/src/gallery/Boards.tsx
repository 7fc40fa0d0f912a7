import { Button, Group, Menu, Modal, NativeSelect, TextInput } from "@mantine/core";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";
import { useMay } from "../api/accounts";
import { useBoard, useBoards } from "../api/boards";
import { Icon } from "../parts/icons";
import { IconButton } from "../parts/IconButton";

/** Which board is looked at; make, rename and remove them. */
export function Boards({ board, onChange }: { board: string | null; onChange: (board: string | null) => void }) {
  const { t } = useTranslation();
  const may = useMay("maker");
  const boards = useBoards().data ?? [];
  const { mutate } = useBoard();
  const [naming, setNaming] = useState<"add" | "rename" | null>(null);
  const [name, setName] = useState("");
  const current = boards.find(({ id }) => id === board);
  const ask = (what: "add" | "rename") => {
    setName(what === "rename" ? (current?.name ?? "") : "");
    setNaming(what);
  };
  const send = (event: FormEvent) => {
    event.preventDefault();
    const given = name.trim();
    if (naming === "add") mutate({ what: "add", name: given });
    else if (current) mutate({ what: "rename", id: current.id, name: given });
    setNaming(null);
  };
  return (
    <Group gap={4} align="flex-end" wrap="nowrap" flex="0 1 200px">
      <NativeSelect
        flex={1}
        label={t("gallery.board")}
        value={board ?? ""}
        data={[
          { value: "", label: t("gallery.any") },
          ...boards.map((each) => ({ value: each.id, label: `${each.name} (${each.count})` })),
        ]}
        onChange={(event) => onChange(event.currentTarget.value || null)}
      />
      {may && (
        <Menu shadow="md" position="bottom-end">
          <Menu.Target>
            <IconButton icon="board" label={t("gallery.boards")} />
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item leftSection={<Icon name="more" />} onClick={() => ask("add")}>
              {t("gallery.newBoard")}
            </Menu.Item>
            <Menu.Item leftSection={<Icon name="tag" />} disabled={!current} onClick={() => ask("rename")}>
              {t("gallery.renameBoard")}
            </Menu.Item>
            <Menu.Item
              leftSection={<Icon name="trash" />}
              disabled={!current}
              onClick={() => {
                if (current) mutate({ what: "remove", id: current.id });
                onChange(null);
              }}
            >
              {t("gallery.removeBoard")}
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
      )}
      <Modal
        opened={naming !== null}
        onClose={() => setNaming(null)}
        title={naming === "rename" ? t("gallery.renameBoard") : t("gallery.newBoard")}
        closeButtonProps={{ "aria-label": t("common.close") }}
      >
        <form onSubmit={send}>
          <Group align="flex-end">
            <TextInput
              flex={1}
              data-autofocus
              required
              maxLength={100}
              label={t("gallery.boardName")}
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
            />
            <Button type="submit">{t("common.save")}</Button>
          </Group>
        </form>
      </Modal>
    </Group>
  );
}
