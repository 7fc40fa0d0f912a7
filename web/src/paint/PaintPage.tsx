import { Text, VisuallyHidden } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useMay } from "../api/accounts";
import { Desk } from "./Desk";
import { Easel } from "./Easel";
import classes from "./PaintPage.module.css";

export function PaintPage() {
  const { t } = useTranslation();
  const may = useMay("maker");
  return (
    <>
      <VisuallyHidden component="h1">{t("nav.paint")}</VisuallyHidden>
      <div className={classes.page}>
        {may ? <Desk /> : <Text c="dimmed">{t("paint.viewer")}</Text>}
        <Easel />
      </div>
    </>
  );
}
