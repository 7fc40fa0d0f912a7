import { VisuallyHidden } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { unfinished, useJobs } from "../api/jobs";

/** Progress in words for screen readers: said when counts change, not at every step. */
export function Spoken() {
  const { t } = useTranslation();
  const jobs = useJobs().data?.jobs ?? [];
  const open = jobs.filter(unfinished);
  const left = open.reduce((sum, job) => sum + job.waiting + job.running, 0);
  const done = jobs.reduce((sum, job) => sum + job.done, 0);
  const said = left > 0 ? t("shell.saidLeft", { count: left }) : done > 0 ? t("shell.saidDone") : "";
  return (
    <VisuallyHidden role="status" aria-live="polite">
      {said}
    </VisuallyHidden>
  );
}
