import { Badge, Group, Menu, Progress, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useMay } from "../api/accounts";
import { unfinished, useDirect } from "../api/jobs";
import { small } from "../api/paintings";
import type { Job } from "../api/types";
import { Icon } from "../parts/icons";
import { IconButton } from "../parts/IconButton";
import classes from "./JobCard.module.css";
import { Preview } from "./Preview";
import { useProgress } from "./useProgress";

interface Props {
  job: Job;
  /** Its neighbours among the jobs of the same user, where it can be moved to. */
  above?: Job;
  below?: Job;
  after?: Job;
  /** Takes it off a list that shows it for a while only. */
  onHide?: () => void;
}

const COLOURS: Record<string, string> = {
  queued: "gray",
  running: "azurite",
  paused: "cinnabar",
  failed: "red",
  cancelled: "gray",
  done: "gray",
};
const SHOWN = 16;
const PRIORITIES = [10, 0, -10];

/** A job: how far it is, what it looks like so far, and what can be done about it. */
export function JobCard({ job, above, below, after, onHide }: Props) {
  const { t } = useTranslation();
  const open = unfinished(job);
  const progress = useProgress(job);
  const words = typeof job.wish.words === "string" && job.wish.words ? job.wish.words : job.painter;
  const tasks = (job.tasks ?? []).slice(0, SHOWN);
  const paintings = (job.paintings ?? []).slice(0, SHOWN - tasks.length);
  return (
    <article className={classes.card} aria-label={t("job.named", { words, count: job.count })}>
      <Group justify="space-between" wrap="nowrap" align="flex-start">
        <div className={classes.words}>
          <Text fw={600} lineClamp={2}>
            {words}
          </Text>
          <Text size="sm" c="dimmed">
            {job.painter} · {t("job.doneOf", { done: job.done, count: job.count })}
            {job.priority !== 0 && ` · ${t("job.priority", { priority: job.priority })}`}
          </Text>
        </div>
        <Badge color={COLOURS[job.state]} variant="light" tt="none" className={classes.state} data-state={job.state}>
          {t(`job.state.${job.state}`)}
        </Badge>
      </Group>
      {open && (
        <Progress.Root size="md">
          <Progress.Section
            value={progress * 100}
            color="azurite"
            aria-label={t("job.progress", { words })}
            animated={job.state === "running"}
          />
        </Progress.Root>
      )}
      {job.reason && (
        <Text size="sm" c="var(--mantine-color-error)" role="alert">
          {job.reason}
        </Text>
      )}
      {job.notes.map((note) => (
        <Text key={note} size="sm" c="dimmed" role="note">
          {note}
        </Text>
      ))}
      {tasks.length + paintings.length > 0 && (
        <div className={classes.pictures}>
          {tasks.map((task, i) => (
            <Preview key={task} task={task} begun={job.step > 0} label={t("job.preview", { number: i + 1 })} />
          ))}
          {paintings.map((id) => (
            <div key={id} className={`checker ${classes.picture}`}>
              <img src={small(id, 128)} alt={words} loading="lazy" />
            </div>
          ))}
        </div>
      )}
      <Controls job={job} words={words} above={above} below={below} after={after} onHide={onHide} />
    </article>
  );
}

function Controls({ job, words, above, below, after, onHide }: Props & { words: string }) {
  const { t } = useTranslation();
  const may = useMay("maker");
  const { mutate } = useDirect();
  if (!may) return null;
  const { id } = job;
  const open = unfinished(job);
  const again = !open && job.failed + job.cancelled > 0;
  if (!open && !again && !onHide) return null;
  const named = (what: string) => t("common.act", { what, name: words });
  return (
    <Group gap={2} ms={-8}>
      {open && job.state !== "paused" && (
        <IconButton icon="pause" label={named(t("job.pause"))} onClick={() => mutate({ id, what: "pause" })} />
      )}
      {job.state === "paused" && (
        <IconButton icon="play" label={named(t("job.resume"))} onClick={() => mutate({ id, what: "resume" })} />
      )}
      {open && <IconButton icon="stop" label={named(t("job.cancel"))} onClick={() => mutate({ id, what: "cancel" })} />}
      {!open && onHide && <IconButton icon="stop" label={named(t("common.hide"))} onClick={onHide} />}
      {again && <IconButton icon="again" label={named(t("job.retry"))} onClick={() => mutate({ id, what: "retry" })} />}
      {open && above && unfinished(above) && (
        <IconButton icon="up" label={named(t("job.up"))} onClick={() => mutate({ id, what: "move", before: above.id })} />
      )}
      {open && below && unfinished(below) && (
        <IconButton
          icon="down"
          label={named(t("job.down"))}
          onClick={() => mutate({ id, what: "move", before: after && unfinished(after) ? after.id : null })}
        />
      )}
      {open && (
        <Menu withInitialFocusPlaceholder={false} shadow="md">
          <Menu.Target>
            <IconButton icon="queue" label={named(t("job.prioritise"))} />
          </Menu.Target>
          <Menu.Dropdown>
            {PRIORITIES.map((priority) => (
              <Menu.Item
                key={priority}
                leftSection={<Icon name={priority > 0 ? "up" : priority < 0 ? "down" : "queue"} />}
                onClick={() => mutate({ id, what: "priority", priority })}
              >
                {t("job.priority", { priority })}
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
      )}
    </Group>
  );
}
