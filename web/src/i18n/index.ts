import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import { savedStore } from "../parts/store";
import en from "./en.json";
import zh from "./zh.json";

export type Language = "en" | "zh";

/** What was chosen; by default what the browser prefers. */
export const language = savedStore<Language>("language", (kept) =>
  kept === "en" || kept === "zh" ? kept : navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en",
);

void i18next.use(initReactI18next).init({
  resources: { en: { translation: en }, zh: { translation: zh } },
  lng: language.get(),
  fallbackLng: "en",
  interpolation: { escapeValue: false },
});

function follow(): void {
  const now = language.get();
  document.documentElement.lang = now === "zh" ? "zh-Hans" : "en";
  if (i18next.language !== now) void i18next.changeLanguage(now);
}
language.subscribe(follow);
follow();

export default i18next;
