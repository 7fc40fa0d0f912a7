import { Button, Group, Modal, TextInput } from "@mantine/core";
import { useState, type FormEvent } from "react";
import { useTranslation } from "react-i18next";

interface Props {
  title: string;
  name?: string;
  onClose: () => void;
  onName: (name: string) => void;
}

/** Asks for the name of a board, a new one or an old one's. */
export function NameBoard({ title, name: first = "", onClose, onName }: Props) {
  const { t } = useTranslation();
  const [name, setName] = useState(first);
  const send = (event: FormEvent) => {
    event.preventDefault();
    onName(name.trim());
    onClose();
  };
  return (
    <Modal opened onClose={onClose} title={title} closeButtonProps={{ "aria-label": t("common.close") }}>
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
  );
}
