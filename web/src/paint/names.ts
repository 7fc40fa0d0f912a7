import { useTranslation } from "react-i18next";

const KNOWN = [
  "painter",
  "text",
  "words",
  "negative",
  "style",
  "palette",
  "size",
  "seed",
  "steps",
  "sampler",
  "guidance",
  "init",
  "strength",
  "mask",
  "keep_colours",
  "read_as",
  "flat",
  "pictures",
  "conditions",
  "priority",
];

/** What a setting is called; a condition that the page does not know has its own name. */
export function useSettingName(): (name: string) => string {
  const { t } = useTranslation();
  return (name) => (KNOWN.includes(name) ? t(`setting.${name}`) : name);
}
