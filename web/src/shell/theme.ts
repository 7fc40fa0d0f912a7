/** Cinnabar and azurite on rice paper, or on an ink stone. Every pair of text and ground reaches 4.5 : 1. */
import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from "@mantine/core";

const cinnabar: MantineColorsTuple = [
  "#fdf1ee",
  "#f8ddd7",
  "#f0b9ae",
  "#e79384",
  "#de7361",
  "#d35a46",
  "#c23a2a",
  "#a83224",
  "#8c291d",
  "#6c1f16",
];
const azurite: MantineColorsTuple = [
  "#edf5f8",
  "#d6e6ed",
  "#aecddb",
  "#82b3c8",
  "#5c9ab4",
  "#43849f",
  "#2f6f8f",
  "#265b76",
  "#1f4a60",
  "#17384a",
];
const ink: MantineColorsTuple = [
  "#e8e3da",
  "#d0cac0",
  "#aea89e",
  "#8f8a82",
  "#41474c",
  "#32383d",
  "#24292d",
  "#181c1f",
  "#121517",
  "#0c0e10",
];
const stone: MantineColorsTuple = [
  "#faf7f2",
  "#f3eee5",
  "#e9e2d6",
  "#ddd5c8",
  "#cec4b5",
  "#aca292",
  "#857b6d",
  "#5c554c",
  "#433d35",
  "#2a2621",
];
/** For what cannot be taken back; deeper than cinnabar, which is for what may be done. */
const warning: MantineColorsTuple = [
  "#fdecea",
  "#f9cfca",
  "#f2a59d",
  "#e97a6f",
  "#df5547",
  "#d13a2b",
  "#b8261a",
  "#9c1d13",
  "#7d160e",
  "#5e100a",
];

export const theme = createTheme({
  colors: { cinnabar, azurite, red: warning, gray: stone, dark: ink },
  primaryColor: "cinnabar",
  primaryShade: 6,
  defaultRadius: "md",
  cursorType: "pointer",
  respectReducedMotion: true,
  focusRing: "auto",
  fontFamily:
    'system-ui, -apple-system, "Segoe UI", Roboto, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC", sans-serif',
  headings: {
    fontFamily: '"Songti SC", "Noto Serif CJK SC", "Noto Serif SC", "Source Han Serif SC", Georgia, "Times New Roman", serif',
    fontWeight: "600",
    sizes: { h1: { fontSize: "1.75rem" }, h2: { fontSize: "1.25rem" }, h3: { fontSize: "1.05rem" } },
  },
});

export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--mantine-color-body": "#faf7f1",
    "--mantine-color-text": "#26221d",
    "--mantine-color-dimmed": "#655d53",
    "--mantine-color-placeholder": "#746b60",
    "--mantine-color-error": "#ae2318",
    "--mantine-color-anchor": azurite[7],
    "--mantine-color-default": "#fffdf9",
    "--mantine-color-default-border": "#d8cfc1",
    "--mantine-color-cinnabar-text": cinnabar[7],
    "--mantine-color-cinnabar-light-color": cinnabar[8],
    "--mantine-color-azurite-text": azurite[7],
    "--mantine-color-azurite-light-color": azurite[8],
    "--mantine-color-red-text": "#ae2318",
    "--mantine-color-red-light-color": "#991b10",
    "--mantine-color-yellow-light-color": "#744800",
    "--mantine-color-gray-text": "#5c554c",
    "--mantine-color-gray-light-color": "#514a42",
  },
  dark: {
    "--mantine-color-dimmed": ink[2],
    "--mantine-color-placeholder": "#9d978e",
    "--mantine-color-error": "#ff9186",
    "--mantine-color-anchor": azurite[3],
    "--mantine-color-cinnabar-text": cinnabar[3],
    "--mantine-color-cinnabar-light-color": cinnabar[2],
    "--mantine-color-azurite-light": "rgb(67 132 159 / 0.28)",
    "--mantine-color-azurite-light-hover": "rgb(67 132 159 / 0.38)",
    "--mantine-color-azurite-text": azurite[3],
    "--mantine-color-azurite-light-color": azurite[2],
    "--mantine-color-red-text": "#ff9186",
    "--mantine-color-red-light-color": "#ffa79e",
    "--mantine-color-yellow-light-color": "#ffd27a",
    "--mantine-color-gray-text": ink[1],
    "--mantine-color-gray-light-color": ink[1],
  },
});
