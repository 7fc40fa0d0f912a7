import { Button, Group, Modal, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useTranslation } from "react-i18next";
import { useMay } from "../api/accounts";
import { usePurge } from "../api/paintings";

/** What the trash is, and emptying it, which nothing brings back. */
export function TrashBar({ total }: { total: number }) {
  const { t } = useTranslation();
  const may = useMay("maker");
  const purge = usePurge();
  const [asking, { open, close }] = useDisclosure(false);
  return (
    <Group justify="space-between">
      <Text c="dimmed">{t("gallery.trashWhy")}</Text>
      {may && (
        <Button color="red" variant="light" disabled={total === 0} onClick={open}>
          {t("gallery.emptyTrash")}
        </Button>
      )}
      <Modal
        opened={asking}
        onClose={close}
        title={t("gallery.emptyTrash")}
        closeButtonProps={{ "aria-label": t("common.close") }}
      >
        <Text mb="md">{t("gallery.emptyTrashSure", { count: total })}</Text>
        <Group>
          <Button color="red" loading={purge.isPending} onClick={() => purge.mutate(null, { onSettled: close })}>
            {t("gallery.emptyTrashGo")}
          </Button>
          <Button variant="default" onClick={close}>
            {t("common.cancel")}
          </Button>
        </Group>
      </Modal>
    </Group>
  );
}
