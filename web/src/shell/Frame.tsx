import { useDisclosure, useHotkeys } from "@mantine/hooks";
import { useEffect, useRef, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Link, useLocation } from "wouter";
import { connection } from "../api/events";
import { unfinished, useJobs } from "../api/jobs";
import { Icon, type IconName } from "../parts/icons";
import { useStore } from "../parts/store";
import classes from "./Frame.module.css";
import { Help } from "./Help";
import seal from "./seal.svg";
import { Spoken } from "./Spoken";
import { Tools } from "./Tools";

const PAGES: { path: string; name: string; icon: IconName }[] = [
  { path: "/", name: "paint", icon: "brush" },
  { path: "/gallery", name: "gallery", icon: "gallery" },
  { path: "/queue", name: "queue", icon: "queue" },
  { path: "/painters", name: "painters", icon: "painters" },
  { path: "/settings", name: "settings", icon: "settings" },
];

/** What is around every page. */
export function Frame({ children }: { children: ReactNode }) {
  const { t } = useTranslation();
  const [here, go] = useLocation();
  const [help, { open, close }] = useDisclosure(false);
  const lost = useStore(connection) === "lost";
  const waiting = (useJobs().data?.jobs ?? []).filter(unfinished).length;
  const main = useRef<HTMLElement>(null);
  const page = PAGES.find((each) => each.path === here);
  const title = page === undefined ? t("shell.nowhere") : t(`nav.${page.name}`);
  useEffect(() => {
    document.title = `${title} · ${t("shell.name")}`;
  }, [title, t]);
  useHotkeys([
    ["?", open],
    ["shift+?", open],
    ...PAGES.map(({ path }, i) => [`alt+${i + 1}`, () => go(path)] as [string, () => void]),
  ]);
  return (
    <>
      <a className="skip" href="#main" onClick={() => main.current?.focus()}>
        {t("shell.skip")}
      </a>
      <header className={classes.header}>
        <Link href="/" className={classes.brand} aria-label={t("shell.home")}>
          <img src={seal} alt="" />
          <span>{t("shell.name")}</span>
        </Link>
        <nav className={classes.nav} aria-label={t("shell.pages")}>
          {PAGES.map(({ path, name, icon }) => (
            <Link key={path} href={path} aria-current={here === path ? "page" : undefined}>
              <Icon name={icon} size={20} />
              <span>{t(`nav.${name}`)}</span>
              {name === "queue" && waiting > 0 && (
                <span className={classes.count} aria-label={t("shell.underWay", { count: waiting })}>
                  {waiting}
                </span>
              )}
            </Link>
          ))}
        </nav>
        <Tools open={open} />
      </header>
      {lost && (
        <div className={classes.lost} role="status">
          {t("shell.lost")}
        </div>
      )}
      <main id="main" ref={main} tabIndex={-1} className={classes.main}>
        {children}
      </main>
      <Spoken />
      <Help opened={help} onClose={close} />
    </>
  );
}
