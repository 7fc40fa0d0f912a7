import { Kbd, Modal, Table } from "@mantine/core";
import { useTranslation } from "react-i18next";

const KEYS: { keys: string[]; what: string }[] = [
  { keys: ["Ctrl", "Enter"], what: "paint" },
  { keys: ["Alt", "1 – 5"], what: "pages" },
  { keys: ["?"], what: "help" },
  { keys: ["/"], what: "search" },
  { keys: ["← → ↑ ↓"], what: "walk" },
  { keys: ["Enter"], what: "open" },
  { keys: ["X"], what: "select" },
  { keys: ["Shift", "X"], what: "range" },
  { keys: ["Ctrl", "A"], what: "all" },
  { keys: ["Esc"], what: "none" },
  { keys: ["S"], what: "star" },
  { keys: ["Delete"], what: "trash" },
  { keys: ["B"], what: "brush" },
  { keys: ["E"], what: "eraser" },
  { keys: ["R"], what: "rectangle" },
  { keys: ["[ ]"], what: "size" },
  { keys: ["← → ↑ ↓", "Space"], what: "draw" },
  { keys: ["Ctrl", "Z"], what: "undo" },
  { keys: ["Ctrl", "Shift", "Z"], what: "redo" },
];

/** Every shortcut. */
export function Help({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={t("help.title")}
      closeButtonProps={{ "aria-label": t("common.close") }}
      size="md"
    >
      <Table>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t("help.keys")}</Table.Th>
            <Table.Th>{t("help.does")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {KEYS.map(({ keys, what }) => (
            <Table.Tr key={what}>
              <Table.Td>
                {keys.map((key) => (
                  <Kbd key={key} me={4}>
                    {key}
                  </Kbd>
                ))}
              </Table.Td>
              <Table.Td>{t(`help.what.${what}`)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Modal>
  );
}
