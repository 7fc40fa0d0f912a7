import { Button, Group, NativeSelect, Slider, Stack, Text, TextInput } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { palette as paletteOfPicture, shown } from "../api/pictures";
import { small } from "../api/paintings";
import type { Condition } from "../api/types";
import { Framed } from "../parts/Framed";
import { Icon } from "../parts/icons";
import { IconButton } from "../parts/IconButton";
import { NumberField } from "../parts/NumberField";
import { PictureChooser } from "../parts/PictureChooser";
import { tell } from "../parts/say";
import { useStore } from "../parts/store";
import classes from "./Conditions.module.css";
import { change, form, type Shade } from "./form";
import { paletteOf } from "./text";

const COLOURS = 8;
const STYLES = 8;
/** Pictures that the studio takes for one condition. */
const EXAMPLES = 8;
const PROPOSED = ["#c23a2a", "#2f6f8f", "#e0b44c", "#2f2a26", "#4f8a5b", "#f3ede2", "#7a4b8c", "#d98a9a"];

/** Styles by name, each with its weight. */
export function Styles({ names }: { names: string[] }) {
  const { t } = useTranslation();
  const { styles } = useStore(form);
  const set = (at: number, some: Partial<(typeof styles)[number]>) =>
    change({ styles: styles.map((style, i) => (i === at ? { ...style, ...some } : style)) });
  const next = names.find((name) => !styles.some((style) => style.name === name));
  return (
    <Stack gap="sm">
      <Text size="sm" c="dimmed">
        {t("style.why")}
      </Text>
      {styles.map(({ name, weight }, i) => (
        <Group key={i} wrap="nowrap" gap="sm">
          {names.length ? (
            <NativeSelect
              flex={1}
              aria-label={t("style.nth", { number: i + 1 })}
              data={names}
              value={name}
              onChange={(event) => set(i, { name: event.currentTarget.value })}
            />
          ) : (
            <TextInput
              flex={1}
              aria-label={t("style.nth", { number: i + 1 })}
              value={name}
              onChange={(event) => set(i, { name: event.currentTarget.value })}
            />
          )}
          {styles.length > 1 && (
            <Slider
              flex={1}
              min={0.05}
              max={1}
              step={0.05}
              value={weight}
              thumbLabel={t("style.weight", { name })}
              label={(value) => value.toFixed(2)}
              color="azurite"
              onChange={(value) => set(i, { weight: value })}
            />
          )}
          <IconButton
            icon="stop"
            label={t("common.removeNamed", { name })}
            onClick={() => change({ styles: styles.filter((_, at) => at !== i) })}
          />
        </Group>
      ))}
      {styles.length < STYLES && (next !== undefined || names.length === 0) && (
        <Button
          variant="default"
          size="xs"
          leftSection={<Icon name="more" />}
          onClick={() => change({ styles: [...styles, { name: next ?? "", weight: 0.5 }] })}
        >
          {t("style.add")}
        </Button>
      )}
    </Stack>
  );
}

/** Colours, each with its share. */
export function Palette() {
  const { t } = useTranslation();
  const { palette } = useStore(form);
  const set = (at: number, some: Partial<Shade>) =>
    change({ palette: palette.map((shade, i) => (i === at ? { ...shade, ...some } : shade)) });
  const read = async (id: string) => {
    try {
      change({ palette: paletteOf((await paletteOfPicture(id)).text).slice(0, COLOURS) });
    } catch (error) {
      tell(error, t);
    }
  };
  const proposed = PROPOSED.find((colour) => !palette.some((shade) => shade.colour === colour)) ?? "#888888";
  return (
    <Stack gap="sm">
      <Text size="sm" c="dimmed">
        {t("palette.why")}
      </Text>
      {palette.map(({ colour, share }, i) => (
        <Group key={i} wrap="nowrap" gap="sm">
          <input
            type="color"
            className={classes.colour}
            aria-label={t("palette.nth", { number: i + 1 })}
            value={colour}
            onChange={(event) => set(i, { colour: event.currentTarget.value })}
          />
          <Slider
            flex={1}
            min={0.05}
            max={1}
            step={0.05}
            value={share}
            thumbLabel={t("palette.share", { number: i + 1 })}
            label={(value) => value.toFixed(2)}
            color="azurite"
            onChange={(value) => set(i, { share: value })}
          />
          <IconButton
            icon="stop"
            label={t("common.removeNamed", { name: colour })}
            onClick={() => change({ palette: palette.filter((_, at) => at !== i) })}
          />
        </Group>
      ))}
      {palette.length < COLOURS && (
        <Button
          variant="default"
          size="xs"
          leftSection={<Icon name="more" />}
          onClick={() => change({ palette: [...palette, { colour: proposed, share: 0.5 }] })}
        >
          {t("palette.add")}
        </Button>
      )}
      <PictureChooser label={t("palette.read")} onChoose={([picture]) => picture && void read(picture.id)} />
    </Stack>
  );
}

/** Pictures whose style, or whatever the condition is, is asked for. */
export function Examples({ name }: { name: string }) {
  const { t } = useTranslation();
  const { examples } = useStore(form);
  const given = examples[name] ?? [];
  const set = (found: typeof given) => change({ examples: { ...examples, [name]: found } });
  return (
    <Stack gap="sm">
      <Text size="sm" c="dimmed">
        {t("examples.why")}
      </Text>
      {given.map(({ picture, weight }, i) => (
        <Group key={`${picture}${i}`} wrap="nowrap">
          <div className={classes.example}>
            <Framed src={address(picture)} alt={t("examples.nth", { number: i + 1 })} />
          </div>
          <NumberField
            flex={1}
            label={t("examples.weight")}
            min={0.05}
            max={100}
            step={0.1}
            value={weight}
            onChange={(value) => set(given.map((each, at) => (at === i ? { ...each, weight: value } : each)))}
          />
          <IconButton
            icon="stop"
            label={t("common.removeNamed", { name: t("examples.nth", { number: i + 1 }) })}
            onClick={() => set(given.filter((_, at) => at !== i))}
          />
        </Group>
      ))}
      <PictureChooser
        label={t("examples.add")}
        multiple
        onChoose={(pictures) => set([...given, ...pictures.map(({ id }) => ({ picture: id, weight: 1 }))].slice(0, EXAMPLES))}
      />
    </Stack>
  );
}

/** Conditions that the page has no tools for: whatever a painter brings, it can be asked for. */
export function Others({ conditions }: { conditions: Condition[] }) {
  const { t } = useTranslation();
  const given = useStore(form).conditions;
  return conditions.map(({ name, names }) => (
    <TextInput
      key={name}
      label={name}
      description={names.length ? t("conditions.names", { names: names.slice(0, 12).join(", ") }) : undefined}
      value={given[name] ?? ""}
      onChange={(event) => change({ conditions: { ...given, [name]: event.currentTarget.value } })}
    />
  ));
}

/** Where a picture is shown from: what was given, or a painting. */
export function address(id: string): string {
  return id.startsWith("p") ? small(id) : shown(id);
}
