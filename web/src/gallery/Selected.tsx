import { Button, Group, Modal, Paper, TagsInput, Text } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useMay } from "../api/accounts";
import { useBoard } from "../api/boards";
import { useChange, usePurge, useTags, useTrash } from "../api/paintings";
import { useRemove } from "../paint/useAfter";
import { Icon } from "../parts/icons";
import { BoardPicker } from "./BoardPicker";
import classes from "./Selected.module.css";
import type { Selection } from "./useSelection";

interface Props {
  selection: Selection;
  trashed: boolean;
  board: string | null;
  onCompare?: () => void;
}

/** What can be done with several paintings at once. */
export function Selected({ selection, trashed, board, onCompare }: Props) {
  const { t } = useTranslation();
  const may = useMay("maker");
  const change = useChange();
  const restore = useTrash();
  const purge = usePurge();
  const { mutate: direct } = useBoard();
  const remove = useRemove();
  const [tagging, setTagging] = useState(false);
  const { paintings, clear } = selection;
  const ids = paintings.map(({ id }) => id);
  if (paintings.length === 0) return null;
  const starred = paintings.every(({ stars }) => stars > 0);
  return (
    <Paper className={classes.bar} role="toolbar" aria-label={t("gallery.selected", { count: paintings.length })} shadow="lg">
      <Text fw={600} role="status">
        {t("gallery.selected", { count: paintings.length })}
      </Text>
      <Group gap="xs">
        {!trashed && (
          <Button variant="default" leftSection={<Icon name="compare" />} disabled={!onCompare} onClick={onCompare}>
            {t("gallery.compare")}
          </Button>
        )}
        {may && !trashed && (
          <>
            <Button
              variant="default"
              leftSection={<Icon name="star" filled={starred} />}
              onClick={() => change.mutate({ paintings, stars: starred ? 0 : 1 })}
            >
              {starred ? t("gallery.unstar") : t("result.star")}
            </Button>
            <Button variant="default" leftSection={<Icon name="tag" />} onClick={() => setTagging(true)}>
              {t("result.tagIt")}
            </Button>
            <BoardPicker paintings={ids} />
            {board !== null && (
              <Button
                variant="default"
                onClick={() => direct({ what: "unpin", id: board, paintings: ids }, { onSuccess: clear })}
              >
                {t("gallery.unpin")}
              </Button>
            )}
            <Button
              variant="light"
              color="red"
              leftSection={<Icon name="trash" />}
              onClick={() => {
                remove(ids);
                clear();
              }}
            >
              {t("result.trash")}
            </Button>
          </>
        )}
        {may && trashed && (
          <>
            <Button onClick={() => restore.mutate({ paintings: ids, back: true }, { onSuccess: clear })}>
              {t("gallery.restore")}
            </Button>
            <Button variant="light" color="red" onClick={() => purge.mutate(ids, { onSuccess: clear })}>
              {t("gallery.purge")}
            </Button>
          </>
        )}
        <Button variant="subtle" color="gray" onClick={clear}>
          {t("gallery.clear")}
        </Button>
      </Group>
      <Tagging opened={tagging} onClose={() => setTagging(false)} onTag={(add) => change.mutate({ paintings, add })} />
    </Paper>
  );
}

function Tagging({ opened, onClose, onTag }: { opened: boolean; onClose: () => void; onTag: (tags: string[]) => void }) {
  const { t } = useTranslation();
  const known = Object.keys(useTags().data ?? {});
  const [tags, setTags] = useState<string[]>([]);
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={t("gallery.addTags")}
      closeButtonProps={{ "aria-label": t("common.close") }}
    >
      <TagsInput
        data-autofocus
        label={t("detail.tags")}
        description={t("detail.tagsWhy")}
        data={known}
        value={tags}
        maxLength={64}
        onChange={setTags}
      />
      <Button
        mt="md"
        disabled={tags.length === 0}
        onClick={() => {
          onTag(tags);
          setTags([]);
          onClose();
        }}
      >
        {t("common.save")}
      </Button>
    </Modal>
  );
}
