import { Button, Group, Stack, Text, Title, UnstyledButton } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useJob } from "../api/jobs";
import { small } from "../api/paintings";
import { Framed } from "../parts/Framed";
import { useStore } from "../parts/store";
import classes from "./Grids.module.css";
import { drop, grids, ordering, type Grid } from "./grid";
import { useSettingName } from "./names";

type Show = (id: string) => void;

/** The grids that were ordered, as tables with their settings. */
export function Grids({ onShow }: { onShow: Show }) {
  const { t } = useTranslation();
  const kept = useStore(grids);
  if (kept.length === 0) return null;
  return (
    <section aria-labelledby="grids">
      <Title order={2} id="grids" mb="sm">
        {t("grid.title")}
      </Title>
      <Stack>
        {kept.map((grid) => (
          <Table key={grid.id} grid={grid} onShow={onShow} />
        ))}
      </Stack>
    </section>
  );
}

function Table({ grid, onShow }: { grid: Grid; onShow: Show }) {
  const { t } = useTranslation();
  const named = useSettingName();
  const [across, down] = [named(grid.across.setting), named(grid.down.setting)];
  return (
    <div className={classes.card}>
      <Group justify="space-between" wrap="nowrap">
        <Text fw={600}>{grid.words}</Text>
        <Button
          size="xs"
          variant="default"
          onClick={() => drop(grid.id)}
          aria-label={t("common.act", { what: t("common.hide"), name: grid.words })}
        >
          {t("common.hide")}
        </Button>
      </Group>
      <div className={classes.scroll} tabIndex={0} role="region" aria-label={t("grid.of", { across, down })}>
        <table className={classes.table}>
          <caption>{t("grid.of", { across, down })}</caption>
          <thead>
            <tr>
              <td />
              {grid.across.values.map((value) => (
                <th key={value} scope="col">
                  {value}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {grid.down.values.map((value, row) => (
              <tr key={value}>
                <th scope="row">{value}</th>
                {grid.across.values.map((other, column) => (
                  <td key={other}>
                    <Cell
                      job={grid.cells[row]?.[column] ?? null}
                      coming={ordering.has(grid.id)}
                      label={`${across} ${other}, ${down} ${value}`}
                      onShow={onShow}
                    />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

interface CellProps {
  job: string | null;
  coming: boolean;
  label: string;
  onShow: Show;
}

function Cell({ job, coming, label, onShow }: CellProps) {
  return job === null ? <Waiting state={coming ? "queued" : "gone"} /> : <Ordered job={job} label={label} onShow={onShow} />;
}

function Ordered({ job, label, onShow }: { job: string; label: string; onShow: Show }) {
  const found = useJob(job);
  const painting = found.data?.paintings?.[0];
  if (painting === undefined) return <Waiting state={found.isError ? "gone" : (found.data?.state ?? "queued")} />;
  return (
    <UnstyledButton w="100%" aria-label={label} onClick={() => onShow(painting)}>
      <Framed src={small(painting)} alt={label} />
    </UnstyledButton>
  );
}

function Waiting({ state }: { state: string }) {
  const { t } = useTranslation();
  return <div className={classes.waiting}>{t(`job.state.${state}`)}</div>;
}
