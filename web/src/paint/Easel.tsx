import { Anchor, Group, Stack, Text, Title } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import { useMay } from "../api/accounts";
import { unfinished, useJobs } from "../api/jobs";
import { useNewest } from "../api/paintings";
import type { Job } from "../api/types";
import { useDetail } from "../gallery/useDetail";
import { Trouble } from "../parts/say";
import { personal, store, useStore } from "../parts/store";
import { JobCard } from "../queue/JobCard";
import classes from "./Easel.module.css";
import { Grids } from "./Grids";
import { Result } from "./Result";

/** Jobs that were looked at and put away. */
const hidden = personal(store<string[]>([]), () => []);

const RESULTS = 24;
const RECENT = 10 * 60_000;

/** What is being painted, and what was painted last. */
export function Easel() {
  const { t } = useTranslation();
  const may = useMay("maker");
  const jobs = useJobs();
  const gone = useStore(hidden);
  const newest = useNewest(RESULTS);
  const { detail, show } = useDetail(newest.data?.paintings ?? []);
  const shown = (jobs.data?.jobs ?? []).filter((job) => unfinished(job) || (toldJustNow(job) && !gone.includes(job.id)));
  const paintings = newest.data?.paintings ?? [];
  return (
    <Stack gap="xl" id="easel" className={classes.easel}>
      {shown.length > 0 && (
        <section aria-labelledby="under-way">
          <Title order={2} id="under-way" mb="sm">
            {t("easel.underWay")}
          </Title>
          <Stack gap="sm">
            {shown.map((job, i) => (
              <JobCard
                key={job.id}
                job={job}
                above={shown[i - 1]}
                below={shown[i + 1]}
                after={shown[i + 2]}
                onHide={() => hidden.set([...gone, job.id])}
              />
            ))}
          </Stack>
        </section>
      )}
      <Trouble error={jobs.error ?? newest.error} />
      <Grids onShow={show} />
      <section aria-labelledby="newest">
        <Group justify="space-between" mb="sm">
          <Title order={2} id="newest">
            {t("easel.newest")}
          </Title>
          {paintings.length > 0 && (
            <Anchor component={Link} href="/gallery">
              {t("easel.all", { count: newest.data?.total ?? 0 })}
            </Anchor>
          )}
        </Group>
        {newest.isSuccess && paintings.length === 0 && (
          <div className={classes.empty}>
            <Text size="lg">{t("easel.empty")}</Text>
            {may && <Text c="dimmed">{t("easel.emptyWhy")}</Text>}
          </div>
        )}
        <ul className={classes.results}>
          {paintings.map((painting) => (
            <li key={painting.id}>
              <Result painting={painting} onShow={() => show(painting.id)} />
            </li>
          ))}
        </ul>
      </section>
      {detail}
    </Stack>
  );
}

/** What went wrong or was not done as asked stays on the page for a while; the queue has it for good. */
function toldJustNow(job: Job): boolean {
  const told = job.state === "failed" || job.notes.length > 0;
  return told && job.finished !== null && Date.now() - Date.parse(job.finished) < RECENT;
}
