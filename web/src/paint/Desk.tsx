import { Accordion, Badge, Button, Group, Select, Stack, Text, Textarea } from "@mantine/core";
import { useHotkeys } from "@mantine/hooks";
import { useTranslation } from "react-i18next";
import { heeds, knows, usePainters } from "../api/painters";
import { Icon } from "../parts/icons";
import { NumberField } from "../parts/NumberField";
import { Trouble } from "../parts/say";
import { savedStore, useStore } from "../parts/store";
import { Examples, Others, Palette, Styles } from "./Conditions";
import classes from "./Desk.module.css";
import { change, choose, form, fresh } from "./form";
import { GridField } from "./GridField";
import { useSettingName } from "./names";
import { StartField } from "./StartField";
import { Technique } from "./Technique";
import { usePaint } from "./usePaint";

/** Which sections are open. */
const opened = savedStore<string[]>("sections", (kept) => (Array.isArray(kept) ? kept.map(String) : []));

/** The form: what to paint, and a button that paints it. */
export function Desk() {
  const { t, i18n } = useTranslation();
  const asked = useStore(form);
  const { painter, paint } = usePaint();
  const go = () => {
    if (painter === undefined || paint.isPending) return;
    paint.mutate(undefined, { onSuccess: showEasel });
  };
  useHotkeys([["mod+Enter", go]], []);
  const text = painter === undefined || knows(painter, "text");
  return (
    <form
      className={classes.desk}
      aria-label={t("paint.form")}
      onSubmit={(event) => {
        event.preventDefault();
        go();
      }}
    >
      {text && (
        <Textarea
          label={t("paint.words")}
          size="lg"
          autosize
          minRows={2}
          maxRows={8}
          value={asked.words}
          placeholder={t("paint.wordsExample")}
          onChange={(event) => change({ words: event.currentTarget.value })}
        />
      )}
      <Group align="flex-end" wrap="nowrap">
        {!asked.grid && (
          <NumberField
            w={96}
            label={t("paint.count")}
            min={1}
            max={64}
            allowDecimal={false}
            value={asked.count}
            onChange={(count) => change({ count })}
          />
        )}
        <Button
          type="submit"
          size="lg"
          flex={1}
          leftSection={<Icon name="brush" size={22} />}
          loading={paint.isPending}
          disabled={painter === undefined}
        >
          {asked.grid ? t("paint.goGrid") : t("paint.go")}
        </Button>
      </Group>
      <Trouble error={paint.error} />
      <PainterField name={painter?.name} />
      {painter && <Sections key={painter.name} />}
      <Button variant="subtle" color="gray" size="xs" onClick={() => form.set(fresh(i18n.language))}>
        {t("paint.afresh")}
      </Button>
    </form>
  );
}

/** On a phone what is being painted is below the form. */
function showEasel(): void {
  const easel = document.getElementById("easel");
  if (easel && easel.getBoundingClientRect().top > window.innerHeight * 0.6) easel.scrollIntoView({ block: "start" });
}

function PainterField({ name }: { name: string | undefined }) {
  const { t } = useTranslation();
  const painters = usePainters();
  const found = painters.data?.find((each) => each.name === name);
  return (
    <Stack gap={6}>
      <Select
        label={t("paint.painter")}
        data={painters.data?.map((each) => each.name) ?? []}
        value={name ?? null}
        allowDeselect={false}
        searchable={(painters.data?.length ?? 0) > 12}
        comboboxProps={{ shadow: "md" }}
        onChange={(value) => {
          const chosen = painters.data?.find((each) => each.name === value);
          if (chosen) choose(chosen);
        }}
      />
      {found && (
        <Group gap={6}>
          <Badge variant="light" color="azurite" tt="none">
            {t("painters.family", { family: found.family })}
          </Badge>
          <Learnt trained={found.trained} />
        </Group>
      )}
      <Trouble error={painters.error} />
    </Stack>
  );
}

/** What a painter learnt from, in a few words. */
export function Learnt({ trained }: { trained: Record<string, unknown> }) {
  const { t } = useTranslation();
  const pictures = Number(trained.pictures ?? 0);
  if (!pictures) return null;
  return (
    <Text size="sm" c="dimmed">
      {t("painters.learnt", { count: pictures, set: String(trained.set ?? "") })}
      {typeof trained.start === "string" && t("painters.start", { name: trained.start })}
    </Text>
  );
}

function Sections() {
  const { t } = useTranslation();
  const asked = useStore(form);
  const open = useStore(opened);
  const named = useSettingName();
  const { painter } = usePaint();
  if (painter === undefined) return null;
  const others = painter.conditions.filter(({ name, pictures }) => !pictures && !["text", "style", "palette"].includes(name));
  const style = painter.conditions.find(({ name, pictures }) => name === "style" && !pictures);
  const sections = [
    knows(painter, "text") &&
      heeds(painter, "negative") && {
        name: "negative",
        title: t("section.negative"),
        told: asked.negative,
        body: (
          <Textarea
            label={t("paint.negative")}
            description={t("paint.negativeWhy")}
            autosize
            value={asked.negative}
            onChange={(event) => change({ negative: event.currentTarget.value })}
          />
        ),
      },
    style && {
      name: "style",
      title: t("section.style"),
      told: asked.styles.map(({ name }) => name).join(", "),
      body: <Styles names={style.names} />,
    },
    ...painter.conditions
      .filter(({ pictures }) => pictures)
      .map(({ name }) => ({
        name: `examples-${name}`,
        title: t("section.examples", { name: named(name) }),
        told: String(asked.examples[name]?.length || ""),
        body: <Examples name={name} />,
      })),
    knows(painter, "palette") && {
      name: "palette",
      title: t("section.palette"),
      told: asked.palette.map(({ colour }) => colour).join(" "),
      body: <Palette />,
    },
    others.length > 0 && {
      name: "others",
      title: t("section.others"),
      told: "",
      body: <Others conditions={others} />,
    },
    heeds(painter, "init") && {
      name: "start",
      title: t("section.start"),
      told: asked.start ? `${asked.start.width} × ${asked.start.height}` : "",
      body: <StartField painter={painter} />,
    },
    { name: "technique", title: t("section.technique"), told: "", body: <Technique painter={painter} /> },
    { name: "grid", title: t("section.grid"), told: asked.grid ? t("grid.isOn") : "", body: <GridField painter={painter} /> },
  ].filter((section) => !!section);
  // What a painter cannot do without is open at once.
  const needed = sections
    .map(({ name }) => name)
    .filter(
      (name) => (painter.starts && name === "start" && !asked.start) || (painter.examples && name.startsWith("examples")),
    );
  return (
    <Accordion
      multiple
      order={2}
      value={[...new Set([...open, ...needed])]}
      onChange={(names) => opened.set(names)}
      classNames={{ control: classes.control, item: classes.item, content: classes.content }}
      keepMounted={false}
    >
      {sections.map(({ name, title, told, body }) => (
        <Accordion.Item key={name} value={name}>
          <Accordion.Control>
            <Group justify="space-between" wrap="nowrap" gap="sm">
              <span>{title}</span>
              {told && (
                <Text span size="sm" c="dimmed" truncate>
                  {told}
                </Text>
              )}
            </Group>
          </Accordion.Control>
          <Accordion.Panel>{body}</Accordion.Panel>
        </Accordion.Item>
      ))}
    </Accordion>
  );
}
