import { Anchor, Group, Stack, Switch, Text, Title } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import { useMay, useMe } from "../api/accounts";
import { unfinished, useEverybodysJobs, useJobs } from "../api/jobs";
import type { Job } from "../api/types";
import { Trouble } from "../parts/say";
import { JobCard } from "./JobCard";

export default function QueuePage() {
  const { t } = useTranslation();
  const me = useMe().data;
  const admin = useMay("admin") && me?.local === false;
  const [everybody, setEverybody] = useState(false);
  const [own, others] = [useJobs(), useEverybodysJobs(admin && everybody)];
  const found = admin && everybody ? others : own;
  const jobs = found.data?.jobs ?? [];
  const open = jobs.filter(unfinished);
  // Jobs are moved among those of one user, and whose the others are is not told.
  const mine = open.filter(({ id }) => found === own || own.data?.jobs.some((job) => job.id === id));
  const ended = jobs.filter((job) => !unfinished(job));
  return (
    <Stack gap="xl" maw={860} mx="auto">
      <Group justify="space-between">
        <Title order={1}>{t("nav.queue")}</Title>
        {admin && (
          <Switch
            label={t("queue.everybody")}
            checked={everybody}
            onChange={(event) => setEverybody(event.currentTarget.checked)}
          />
        )}
      </Group>
      <Trouble error={found.error} />
      <section aria-labelledby="open">
        <Title order={2} id="open" mb="sm">
          {t("queue.open")}
        </Title>
        <Stack gap="sm">
          {found.isSuccess && open.length === 0 && (
            <Text c="dimmed">
              {t("queue.none")}{" "}
              <Anchor component={Link} href="/" underline="always">
                {t("queue.order")}
              </Anchor>
            </Text>
          )}
          {open.map((job) => (
            <JobCard key={job.id} job={job} {...neighbours(job, mine)} />
          ))}
        </Stack>
      </section>
      {ended.length > 0 && (
        <section aria-labelledby="ended">
          <Title order={2} id="ended" mb="sm">
            {t("queue.ended")}
          </Title>
          <Stack gap="sm">
            {ended.map((job) => (
              <JobCard key={job.id} job={job} />
            ))}
          </Stack>
        </section>
      )}
    </Stack>
  );
}

function neighbours(job: Job, among: Job[]): { above?: Job; below?: Job; after?: Job } {
  const at = among.indexOf(job);
  return at < 0 ? {} : { above: among[at - 1], below: among[at + 1], after: among[at + 2] };
}
