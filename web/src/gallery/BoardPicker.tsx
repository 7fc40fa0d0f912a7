import { Button, Menu, TextInput } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useBoard, useBoards } from "../api/boards";
import { Icon } from "../parts/icons";

/** Put paintings on a board, an old or a new one. */
export function BoardPicker({ paintings }: { paintings: string[] }) {
  const { t } = useTranslation();
  const boards = useBoards().data ?? [];
  const { mutate } = useBoard();
  const [opened, setOpened] = useState(false);
  const [name, setName] = useState("");
  const said = (board: string) => ({
    onSuccess: () =>
      notifications.show({
        message: t("gallery.pinned", { count: paintings.length, board }),
        color: "azurite",
        closeButtonProps: { "aria-label": t("common.close") },
      }),
  });
  const make = () => {
    const given = name.trim();
    if (!given) return;
    setName("");
    setOpened(false);
    mutate({ what: "add", name: given, paintings }, said(given));
  };
  return (
    <Menu opened={opened} onChange={setOpened} shadow="md" trapFocus>
      <Menu.Target>
        <Button variant="default" leftSection={<Icon name="board" />}>
          {t("gallery.pin")}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {boards.map((board) => (
          <Menu.Item key={board.id} onClick={() => mutate({ what: "pin", id: board.id, paintings }, said(board.name))}>
            {board.name}
          </Menu.Item>
        ))}
        {boards.length > 0 && <Menu.Divider />}
        <form
          onSubmit={(event) => {
            event.preventDefault();
            make();
          }}
        >
          <TextInput
            p="xs"
            aria-label={t("gallery.newBoard")}
            placeholder={t("gallery.newBoard")}
            maxLength={100}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            onKeyDown={(event) => event.stopPropagation()}
          />
        </form>
        <Menu.Item leftSection={<Icon name="more" />} closeMenuOnClick={false} onClick={make}>
          {t("gallery.makeBoard")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
