import { Button, FileButton, Group, Modal, SimpleGrid, Stack, Text, TextInput, UnstyledButton } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState, type DragEvent, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useNewest } from "../api/paintings";
import { fetched, MASK, shown, upload, usePictures } from "../api/pictures";
import type { Given } from "../paint/form";
import { Framed, smallOf } from "./Framed";
import { Icon } from "./icons";
import classes from "./PictureChooser.module.css";
import { Trouble } from "./say";

interface Props {
  /** What the picture is for, for the name of the buttons. */
  label: string;
  multiple?: boolean;
  onChoose: (pictures: Given[]) => void;
}

/** Uploads that are offered; each is loaded whole. */
const GIVEN = 15;

/** A picture from this device, from the gallery or from the web. */
export function PictureChooser({ label, multiple = false, onChoose }: Props) {
  const { t } = useTranslation();
  const [opened, setOpened] = useState(false);
  const [over, setOver] = useState(false);
  const give = useMutation({
    mutationFn: async (files: File[]) => {
      const pictures = [];
      for (const file of files) pictures.push(await upload(file, file.name));
      return pictures;
    },
    onSuccess: onChoose,
    meta: { quiet: true },
  });
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    const files = [...event.dataTransfer.files];
    if (files.length) give.mutate(multiple ? files : files.slice(0, 1));
  };
  return (
    <div
      className={classes.zone}
      data-over={over || undefined}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
      role="group"
      aria-label={label}
    >
      <Group gap="xs">
        <FileButton
          accept="image/*"
          multiple={multiple}
          onChange={(files: File | File[] | null) => {
            const given = files === null ? [] : Array.isArray(files) ? files : [files];
            if (given.length) give.mutate(given);
          }}
          inputProps={{ "aria-label": `${label}: ${t("chooser.upload")}` }}
        >
          {(props) => (
            <Button {...props} size="xs" variant="default" leftSection={<Icon name="picture" />} loading={give.isPending}>
              {t("chooser.upload")}
            </Button>
          )}
        </FileButton>
        <Button size="xs" variant="default" leftSection={<Icon name="gallery" />} onClick={() => setOpened(true)}>
          {t("chooser.choose")}
        </Button>
        <Text size="xs" c="dimmed">
          {t("chooser.drop")}
        </Text>
      </Group>
      <Trouble error={give.error} />
      <Modal
        opened={opened}
        onClose={() => setOpened(false)}
        title={label}
        size="lg"
        closeButtonProps={{ "aria-label": t("common.close") }}
      >
        <Shelf
          onChoose={(picture) => {
            setOpened(false);
            onChoose([picture]);
          }}
        />
      </Modal>
    </div>
  );
}

function Shelf({ onChoose }: { onChoose: (picture: Given) => void }) {
  const { t } = useTranslation();
  const [address, setAddress] = useState("");
  const given = usePictures(GIVEN).data?.filter(({ name }) => name !== MASK) ?? [];
  const newest = useNewest(48).data?.paintings ?? [];
  const take = useMutation({ mutationFn: fetched, onSuccess: onChoose, meta: { quiet: true } });
  return (
    <Stack>
      <Group align="flex-end" wrap="nowrap">
        <TextInput
          flex={1}
          type="url"
          label={t("chooser.address")}
          placeholder="https://"
          value={address}
          onChange={(event) => setAddress(event.currentTarget.value)}
        />
        <Button variant="default" disabled={!address} loading={take.isPending} onClick={() => take.mutate(address)}>
          {t("chooser.take")}
        </Button>
      </Group>
      <Trouble error={take.error} />
      {given.length > 0 && (
        <Several title={t("chooser.given")}>
          {given.map((picture) => (
            <Choice key={picture.id} name={picture.name} src={shown(picture.id)} onChoose={() => onChoose(picture)} />
          ))}
        </Several>
      )}
      <Several title={t("chooser.paintings")}>
        {newest.map((painting) => (
          <Choice
            key={painting.id}
            name={`${painting.words || painting.painter}, ${painting.seed}`}
            src={smallOf(painting)}
            onChoose={() => onChoose({ ...painting, name: painting.words })}
          />
        ))}
      </Several>
      {newest.length === 0 && <Text c="dimmed">{t("chooser.none")}</Text>}
    </Stack>
  );
}

function Several({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section aria-label={title}>
      <Text fw={600} mb="xs">
        {title}
      </Text>
      <SimpleGrid cols={{ base: 3, sm: 5 }} spacing="xs">
        {children}
      </SimpleGrid>
    </section>
  );
}

function Choice({ name, src, onChoose }: { name: string; src: string; onChoose: () => void }) {
  return (
    <UnstyledButton aria-label={name} onClick={onChoose}>
      <Framed src={src} alt="" />
    </UnstyledButton>
  );
}
