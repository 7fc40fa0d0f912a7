/** What was heard lately. A list that was asked for before and arrives after is brought up to date with it. */
import type { Job, Jobs } from "./types";

export interface Facts {
  job: string;
  task: string;
  painting: string;
  state: string;
  step: number;
  steps: number;
}

export interface News {
  number: number;
  kind: string;
  facts: Facts;
}

const KEPT = 1000;
const lately: News[] = [];

export function note(event: News): void {
  lately.push(event);
  if (lately.length > KEPT) lately.shift();
}

/** How much was heard of a job lately. */
export function heardOf(job: string): number {
  return lately.filter(({ facts }) => facts.job === job).length;
}

/** A list of jobs after some events, by default all that came after it was read. */
export function told(jobs: Jobs, events: News[] = lately): Jobs {
  const news = events.filter(({ number }) => number > jobs.event);
  if (!news.length) return jobs;
  return {
    ...jobs,
    jobs: jobs.jobs.map((job) =>
      news.reduce((found, { kind, facts }) => (facts.job === job.id ? changed(found, kind, facts) : found), job),
    ),
  };
}

function changed(job: Job, kind: string, facts: Facts): Job {
  if (kind === "step") {
    const tasks = job.tasks ?? [];
    return tasks.includes(facts.task) ? job : { ...job, tasks: [...tasks, facts.task] };
  }
  if (kind === "painting") {
    const paintings = (job.paintings ?? []).filter((id) => id !== facts.painting);
    return {
      ...job,
      tasks: (job.tasks ?? []).filter((task) => task !== facts.task),
      paintings: [...paintings, facts.painting],
    };
  }
  const { job: _id, ...counts } = facts;
  const over = !["running", "paused"].includes(facts.state);
  return { ...job, ...counts, tasks: over ? [] : job.tasks };
}
