import { Badge, Button, Group, Modal, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import { useMay } from "../api/accounts";
import { usePainters } from "../api/painters";
import type { Painter } from "../api/types";
import { Learnt } from "../paint/Desk";
import { choose } from "../paint/form";
import { useSettingName } from "../paint/names";
import { Icon } from "../parts/icons";
import { Trouble } from "../parts/say";
import { Card } from "./Card";
import classes from "./PaintersPage.module.css";

/** Who can paint here, what each learnt from and what it can be asked for. */
export default function PaintersPage() {
  const { t } = useTranslation();
  const painters = usePainters();
  const [shown, show] = useState<Painter | null>(null);
  return (
    <Stack gap="lg">
      <Title order={1}>{t("nav.painters")}</Title>
      <Trouble error={painters.error} />
      <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }} spacing="lg">
        {painters.data?.map((painter) => (
          <One key={painter.name} painter={painter} onShow={() => show(painter)} />
        ))}
      </SimpleGrid>
      <Modal
        opened={shown !== null}
        onClose={() => show(null)}
        size="min(820px, 96vw)"
        title={shown?.name}
        closeButtonProps={{ "aria-label": t("common.close") }}
      >
        {shown && <Card painter={shown} />}
      </Modal>
    </Stack>
  );
}

function One({ painter, onShow }: { painter: Painter; onShow: () => void }) {
  const { t } = useTranslation();
  const named = useSettingName();
  const [, go] = useLocation();
  const may = useMay("maker");
  const card = painter.scores ? t("painters.cardAndScores") : t("painters.card");
  const licences = Object.entries((painter.trained.licences ?? {}) as Record<string, number>);
  const styles = painter.conditions.find(({ name }) => name === "style")?.names ?? [];
  return (
    <article className={classes.card} aria-label={painter.name}>
      <Group justify="space-between">
        <Title order={2}>{painter.name}</Title>
        {painter.bundled && (
          <Badge variant="light" color="azurite" tt="none">
            {t("painters.bundled")}
          </Badge>
        )}
      </Group>
      <Text>{t("painters.family", { family: painter.family })}</Text>
      <Learnt trained={painter.trained} />
      <dl className={classes.facts}>
        <dt>{t("painters.asks")}</dt>
        <dd>
          {[
            ...(painter.starts ? [named("init")] : []),
            ...painter.conditions.map(({ name, pictures }) =>
              pictures ? t("painters.byPictures", { name: named(name) }) : named(name),
            ),
          ].join(", ") || t("painters.nothing")}
        </dd>
        {styles.length > 0 && (
          <>
            <dt>{t("painters.styles")}</dt>
            <dd>{styles.join(", ")}</dd>
          </>
        )}
        <dt>{t("technique.size")}</dt>
        <dd>
          {painter.shown[0]} × {painter.shown[1]}
        </dd>
        {licences.length > 0 && (
          <>
            <dt>{t("painters.licences")}</dt>
            <dd>{licences.map(([name, count]) => `${name} (${count})`).join(", ")}</dd>
          </>
        )}
      </dl>
      <Group mt="auto">
        {may && (
          <Button
            leftSection={<Icon name="brush" />}
            aria-label={t("common.act", { what: t("paint.go"), name: painter.name })}
            onClick={() => {
              choose(painter);
              go("/");
            }}
          >
            {t("paint.go")}
          </Button>
        )}
        <Button variant="default" onClick={onShow} aria-label={t("common.act", { what: card, name: painter.name })}>
          {card}
        </Button>
      </Group>
    </article>
  );
}
