import { useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { language } from "../i18n";
import { IconButton } from "../parts/IconButton";
import { useStore } from "../parts/store";
import classes from "./Frame.module.css";

/** Help where there is some, colours and language: what is at hand on every page, also before somebody has logged in. */
export function Tools({ open }: { open?: () => void }) {
  const { t } = useTranslation();
  const { setColorScheme } = useMantineColorScheme();
  const dark = useComputedColorScheme("light") === "dark";
  const other = useStore(language) === "en" ? "zh" : "en";
  return (
    <div className={classes.tools}>
      {open && <IconButton icon="help" label={t("help.title")} onClick={open} />}
      <IconButton
        icon={dark ? "sun" : "moon"}
        label={dark ? t("shell.light") : t("shell.dark")}
        onClick={() => setColorScheme(dark ? "light" : "dark")}
      />
      <button
        type="button"
        className={classes.language}
        lang={other === "zh" ? "zh-Hans" : "en"}
        onClick={() => language.set(other)}
      >
        {/* Each language is named in itself, for whoever reads no other. */}
        {other === "zh" ? "中文" : "English"}
      </button>
    </div>
  );
}
