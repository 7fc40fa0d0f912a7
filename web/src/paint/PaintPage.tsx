import { VisuallyHidden } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Desk } from "./Desk";
import { Easel } from "./Easel";
import classes from "./PaintPage.module.css";

export function PaintPage() {
  const { t } = useTranslation();
  return (
    <>
      <VisuallyHidden component="h1">{t("nav.paint")}</VisuallyHidden>
      <div className={classes.page}>
        <div className={classes.desk}>
          <Desk />
        </div>
        <Easel />
      </div>
    </>
  );
}
