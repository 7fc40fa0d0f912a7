import { Group, Menu, NativeSelect } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useMay } from "../api/accounts";
import { useBoard, useBoards } from "../api/boards";
import { Icon } from "../parts/icons";
import { IconButton } from "../parts/IconButton";
import { NameBoard } from "./NameBoard";

/** Which board is looked at; make, rename and remove them. */
export function Boards({ board, onChange }: { board: string | null; onChange: (board: string | null) => void }) {
  const { t } = useTranslation();
  const may = useMay("maker");
  const boards = useBoards().data ?? [];
  const { mutate } = useBoard();
  const [naming, setNaming] = useState<"add" | "rename" | null>(null);
  const current = boards.find(({ id }) => id === board);
  const name = (given: string) => {
    if (naming === "add") mutate({ what: "add", name: given });
    else if (current) mutate({ what: "rename", id: current.id, name: given });
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
        <Menu withInitialFocusPlaceholder={false} shadow="md" position="bottom-end">
          <Menu.Target>
            <IconButton icon="board" label={t("gallery.boards")} />
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item leftSection={<Icon name="more" />} onClick={() => setNaming("add")}>
              {t("gallery.newBoard")}
            </Menu.Item>
            <Menu.Item leftSection={<Icon name="tag" />} disabled={!current} onClick={() => setNaming("rename")}>
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
      {naming !== null && (
        <NameBoard
          title={naming === "rename" ? t("gallery.renameBoard") : t("gallery.newBoard")}
          name={naming === "rename" ? current?.name : ""}
          onClose={() => setNaming(null)}
          onName={name}
        />
      )}
    </Group>
  );
}
