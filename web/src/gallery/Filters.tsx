import { Button, ColorInput, Group, MultiSelect, NativeSelect, TextInput } from "@mantine/core";
import { useDebouncedCallback, useDisclosure, useHotkeys } from "@mantine/hooks";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { usePainters } from "../api/painters";
import { useTags, type Search } from "../api/paintings";
import { Boards } from "./Boards";
import classes from "./Filters.module.css";

const PATIENCE = 250;
const SWATCHES = ["#c23a2a", "#e0b44c", "#4f8a5b", "#2f6f8f", "#7a4b8c", "#2f2a26", "#ffffff"];

/** What to look for. */
export function Filters({ search, onChange }: { search: Search; onChange: (some: Partial<Search>) => void }) {
  const { t } = useTranslation();
  const [words, setWords] = useState(search.words);
  const field = useRef<HTMLInputElement>(null);
  const painters = usePainters().data ?? [];
  const tags = useTags().data ?? {};
  const look = useDebouncedCallback((given: string) => onChange({ words: given }), PATIENCE);
  const colour = useDebouncedCallback((given: string) => {
    if (given === "" || /^#[0-9a-f]{6}$/i.test(given)) onChange({ colour: given || null });
  }, PATIENCE);
  const [shade, setShade] = useState(search.colour ?? "");
  useHotkeys([["/", () => field.current?.focus()]]);
  const [more, { toggle }] = useDisclosure(false);
  return (
    <Group align="flex-end" role="search" aria-label={t("gallery.search")}>
      <TextInput
        ref={field}
        type="search"
        flex="1 1 220px"
        label={t("gallery.words")}
        value={words}
        onChange={(event) => {
          setWords(event.currentTarget.value);
          look(event.currentTarget.value);
        }}
      />
      <Button hiddenFrom="sm" variant="default" aria-expanded={more} onClick={toggle}>
        {t("gallery.filters")}
      </Button>
      <div className={classes.others} data-open={more || undefined}>
        <MultiSelect
          flex="1 1 180px"
          label={t("detail.tags")}
          data={[...new Set([...Object.keys(tags), ...search.tags])]}
          value={search.tags}
          clearable
          searchable
          clearButtonProps={{ "aria-label": t("gallery.clear") }}
          onChange={(given) => onChange({ tags: given })}
        />
        <NativeSelect
          flex="0 1 130px"
          label={t("detail.stars")}
          value={String(search.stars)}
          data={[0, 1, 2, 3, 4, 5].map((stars) => ({
            value: String(stars),
            label: stars ? t("gallery.atLeast", { count: stars }) : t("gallery.any"),
          }))}
          onChange={(event) => onChange({ stars: Number(event.currentTarget.value) })}
        />
        <NativeSelect
          flex="0 1 150px"
          label={t("paint.painter")}
          value={search.painter ?? ""}
          data={[{ value: "", label: t("gallery.any") }, ...painters.map(({ name }) => ({ value: name, label: name }))]}
          onChange={(event) => onChange({ painter: event.currentTarget.value || null })}
        />
        <ColorInput
          flex="0 1 150px"
          label={t("gallery.colour")}
          placeholder={t("gallery.any")}
          format="hex"
          swatches={SWATCHES}
          value={shade}
          eyeDropperButtonProps={{ "aria-label": t("gallery.eyeDropper") }}
          onChange={(given) => {
            setShade(given);
            colour(given);
          }}
        />
        <Boards board={search.board} onChange={(board) => onChange({ board })} />
      </div>
    </Group>
  );
}
