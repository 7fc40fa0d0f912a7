import { Loader, Stack, Table, Title } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useCard, useScores } from "../api/painters";
import type { Painter } from "../api/types";
import { Trouble } from "../parts/say";
import { Markdown } from "./Markdown";
import { numbers } from "./scores";

/** A painter's card, and how it was scored. */
export function Card({ painter }: { painter: Painter }) {
  const { t } = useTranslation();
  const card = useCard(painter.name);
  const scores = useScores(painter.name, painter.scores);
  const found = numbers(scores.data);
  return (
    <Stack>
      {card.isPending && <Loader color="azurite" aria-label={t("common.waiting")} />}
      <Trouble error={card.error} />
      {card.data !== undefined && <Markdown text={card.data} />}
      <Trouble error={scores.error} />
      {found.length > 0 && (
        <section aria-labelledby="scores">
          <Title order={3} id="scores" mb="xs">
            {t("painters.scores")}
          </Title>
          <Table.ScrollContainer minWidth={300} scrollAreaProps={{ tabIndex: 0 }}>
            <Table>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>{t("painters.score")}</Table.Th>
                  <Table.Th>{t("painters.value")}</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {found.map(([name, value]) => (
                  <Table.Tr key={name}>
                    <Table.Th scope="row" fw={400}>
                      {name}
                    </Table.Th>
                    <Table.Td>{value}</Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        </section>
      )}
    </Stack>
  );
}
