import { Button, Group, Modal, Rating, Stack, TagsInput, Text, Title } from "@mantine/core";
import { useHotkeys, useMediaQuery } from "@mantine/hooks";
import { useTranslation } from "react-i18next";
import { useMay } from "../api/accounts";
import { useChange, useChanged, usePainting, useTags, useTrash, whole } from "../api/paintings";
import { shown } from "../api/pictures";
import type { Painting, Wish as Wished } from "../api/types";
import { useSettingName } from "../paint/names";
import { Scores } from "../paint/Scores";
import { useAfter } from "../paint/useAfter";
import { Framed } from "../parts/Framed";
import { Icon } from "../parts/icons";
import { IconButton } from "../parts/IconButton";
import { Trouble } from "../parts/say";
import { BoardPicker } from "./BoardPicker";
import classes from "./Detail.module.css";
import { Download } from "./Download";
import { Record } from "./Record";
import { facts } from "./facts";

interface Props {
  id: string;
  known: Painting | undefined;
  onClose: () => void;
  onBefore?: () => void;
  onNext?: () => void;
}

/** A painting by itself: everything known of it, and everything that can be done with it. */
export default function Detail({ id, known, onClose, onBefore, onNext }: Props) {
  const { t } = useTranslation();
  const found = usePainting(id);
  const painting = found.data ?? known;
  const phone = useMediaQuery("(max-width: 48em)");
  useHotkeys([
    ["ArrowLeft", () => onBefore?.()],
    ["ArrowRight", () => onNext?.()],
  ]);
  return (
    <Modal
      opened
      onClose={onClose}
      size="min(1040px, 96vw)"
      fullScreen={phone}
      title={painting?.words || painting?.painter || t("common.waiting")}
      closeButtonProps={{ "aria-label": t("common.close") }}
    >
      <Trouble error={found.error} />
      {painting && (
        <div className={classes.columns}>
          <Stack gap="sm">
            <Framed src={whole(id)} alt={painting.words || painting.painter} pixels={painting.width} />
            <Group justify="space-between">
              <IconButton icon="left" label={t("detail.before")} disabled={!onBefore} onClick={onBefore} />
              <Text size="sm" c="dimmed">
                {painting.width} × {painting.height}
              </Text>
              <IconButton icon="right" label={t("detail.next")} disabled={!onNext} onClick={onNext} />
            </Group>
            <Scores painting={painting} />
            <Wish painting={painting} />
          </Stack>
          <Stack gap="lg">
            <Actions painting={painting} onClose={onClose} />
            <Download painting={painting} key={painting.id} />
            <Record id={id} />
          </Stack>
        </div>
      )}
    </Modal>
  );
}

function Wish({ painting }: { painting: Painting }) {
  const { t } = useTranslation();
  const named = useSettingName();
  return (
    <section aria-label={t("detail.wish")}>
      <Title order={3} mb={4}>
        {t("detail.wish")}
      </Title>
      <dl className={classes.facts}>
        {facts(painting).map(([name, value]) => (
          <div key={name}>
            <dt>{named(name)}</dt>
            <dd>
              {picturesOf(name, painting, value)?.map((id) => (
                <img key={id} className={`checker ${classes.given}`} src={shown(id)} alt={named(name)} />
              )) ?? value}
            </dd>
          </div>
        ))}
        <div>
          <dt>{t("detail.created")}</dt>
          <dd>{new Date(painting.created).toLocaleString()}</dd>
        </div>
      </dl>
    </section>
  );
}

/** The pictures that a line of a wish is about, where it is about pictures. */
function picturesOf(name: string, { wish }: Painting, value: string): string[] | null {
  if (name === "init" || name === "mask") return [value];
  if (name !== "pictures") return null;
  return Object.values((wish as Partial<Wished>).pictures ?? {}).flatMap((several) => several.map(({ picture }) => picture));
}

function Actions({ painting, onClose }: { painting: Painting; onClose: () => void }) {
  const { t } = useTranslation();
  const may = useMay("maker");
  const { repeat, useAsStart, useSeed, useAll, trash } = useAfter(painting);
  const change = useChange();
  const { stars, tags } = useChanged(painting);
  const restore = useTrash();
  const known = Object.keys(useTags().data ?? {});
  if (!may) return null;
  if (painting.trashed) {
    return (
      <Button onClick={() => restore.mutate({ paintings: [painting.id], back: true }, { onSuccess: onClose })}>
        {t("gallery.restore")}
      </Button>
    );
  }
  return (
    <Stack gap="sm">
      <Group gap="xs">
        <Button leftSection={<Icon name="again" />} onClick={() => repeat(1)}>
          {t("result.again")}
        </Button>
        <Button variant="default" leftSection={<Icon name="more" />} onClick={() => repeat(4)}>
          {t("result.more")}
        </Button>
        <Button variant="default" leftSection={<Icon name="picture" />} onClick={useAsStart}>
          {t("result.asStart")}
        </Button>
        <Button variant="default" leftSection={<Icon name="dice" />} onClick={useSeed}>
          {t("result.sameSeed")}
        </Button>
        <Button variant="default" leftSection={<Icon name="brush" />} onClick={useAll}>
          {t("result.inTheForm")}
        </Button>
      </Group>
      <Group>
        <Text size="sm" fw={500} id="stars">
          {t("detail.stars")}
        </Text>
        <Rating
          value={stars}
          allowClear
          emptySymbol={<Icon name="star" size={26} />}
          fullSymbol={<Icon name="star" size={26} filled />}
          className={classes.stars}
          getSymbolLabel={(count) => t("detail.starsNamed", { count })}
          aria-labelledby="stars"
          onChange={(given) => change.mutate({ paintings: [painting], stars: given })}
        />
      </Group>
      <TagsInput
        label={t("detail.tags")}
        description={t("detail.tagsWhy")}
        data={known}
        value={tags}
        maxTags={64}
        maxLength={64}
        onChange={(given) =>
          change.mutate({
            paintings: [painting],
            add: given.filter((tag) => !tags.includes(tag)),
            remove: tags.filter((tag) => !given.includes(tag)),
          })
        }
      />
      <Group gap="xs">
        <BoardPicker paintings={[painting.id]} />
        <Button
          variant="subtle"
          color="red"
          leftSection={<Icon name="trash" />}
          onClick={() => {
            trash();
            onClose();
          }}
        >
          {t("result.trash")}
        </Button>
      </Group>
    </Stack>
  );
}
