import { Button, Menu } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useBoard, useBoards } from "../api/boards";
import { Icon } from "../parts/icons";
import { NameBoard } from "./NameBoard";

/** Put paintings on a board, an old or a new one. */
export function BoardPicker({ paintings }: { paintings: string[] }) {
  const { t } = useTranslation();
  const boards = useBoards().data ?? [];
  const { mutate } = useBoard();
  const [naming, setNaming] = useState(false);
  const said = (board: string) => ({
    onSuccess: () =>
      notifications.show({
        message: t("gallery.pinned", { count: paintings.length, board }),
        color: "azurite",
        closeButtonProps: { "aria-label": t("common.close") },
      }),
  });
  return (
    <>
      <Menu withInitialFocusPlaceholder={false} shadow="md">
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
          <Menu.Item leftSection={<Icon name="more" />} onClick={() => setNaming(true)}>
            {t("gallery.newBoard")}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {naming && (
        <NameBoard
          title={t("gallery.newBoard")}
          onClose={() => setNaming(false)}
          onName={(name) => mutate({ what: "add", name, paintings }, said(name))}
        />
      )}
    </>
  );
}
