/** Telling people what went wrong or what was done. */
import { Alert } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import type { TFunction } from "i18next";
import { useTranslation } from "react-i18next";
import { StudioError } from "../api/client";

/** An error as a sentence: the studio's own, or that it cannot be reached. */
export function sentence(error: unknown, t: TFunction): string {
  if (error instanceof StudioError) return error.status === 0 ? t("errors.away") : error.message;
  return error instanceof Error ? error.message : String(error);
}

export function tell(error: unknown, t: TFunction): void {
  notifications.show({
    title: t("errors.title"),
    message: sentence(error, t),
    color: "red",
    autoClose: 12_000,
    closeButtonProps: { "aria-label": t("common.close") },
  });
}

/** An error where it was caused. */
export function Trouble({ error }: { error: unknown }) {
  const { t } = useTranslation();
  if (!error) return null;
  return (
    <Alert color="red" variant="light" role="alert" title={t("errors.title")}>
      {sentence(error, t)}
    </Alert>
  );
}
