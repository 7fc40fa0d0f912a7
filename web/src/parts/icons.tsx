/** The page's own icons: strokes in a square of 24, drawn in the colour of the text. */
import type { ReactElement } from "react";

const SHAPES = {
  brush: <path d="M20 4c-6 3-10 7-12 11l2 2c4-2 8-6 10-13zM8 15c-3 0-3 3-5 5 4 1 7-1 7-3" />,
  gallery: <path d="M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z" />,
  queue: <path d="M4 6h16M4 12h16M4 18h10" />,
  painters: (
    <path d="M12 3a9 9 0 1 0 0 18c2 0 2-2 1-3s0-3 2-3h3c2 0 3-1 3-3 0-5-4-9-9-9zM7.500 12v.01M9.500 8v.01M14.500 7.500v.01" />
  ),
  settings: (
    <path d="M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM12 3v3M12 18v3M3 12h3M18 12h3M5.600 5.600l2.100 2.100M16.300 16.300l2.100 2.100M18.400 5.600l-2.100 2.100M7.700 16.300l-2.100 2.100" />
  ),
  sun: (
    <path d="M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.500 1.500M17.500 17.500L19 19M19 5l-1.500 1.500M6.500 17.500L5 19" />
  ),
  moon: <path d="M20 14A8 8 0 1 1 10 4a7 7 0 0 0 10 10z" />,
  help: <path d="M9 9a3 3 0 1 1 4.500 2.600C12.300 12.300 12 13 12 14M12 17.500v.01M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z" />,
  star: (
    <path d="M12 3.500l2.600 5.400 5.900.800-4.300 4.100 1 5.900-5.200-2.900-5.200 2.900 1-5.900L3.500 9.700l5.900-.800z" />
  ),
  trash: <path d="M4 7h16M10 11v6M14 11v6M6 7l1 13h10l1-13M9 7V4h6v3" />,
  again: <path d="M20 11a8 8 0 1 0-2 6M20 5v6h-6" />,
  more: <path d="M12 5v14M5 12h14" />,
  dots: <path d="M5 12v.01M12 12v.01M19 12v.01" strokeWidth="3" />,
  download: <path d="M12 4v11M7 11l5 5 5-5M4 20h16" />,
  pause: <path d="M8 5v14M16 5v14" />,
  play: <path d="M7 5l12 7-12 7z" />,
  stop: <path d="M6 6l12 12M18 6L6 18" />,
  up: <path d="M12 19V5M6 11l6-6 6 6" />,
  down: <path d="M12 5v14M6 13l6 6 6-6" />,
  left: <path d="M15 5l-7 7 7 7" />,
  right: <path d="M9 5l7 7-7 7" />,
  undo: <path d="M8 5L4 9l4 4M4 9h10a5 5 0 0 1 0 10h-3" />,
  redo: <path d="M16 5l4 4-4 4M20 9H10a5 5 0 0 0 0 10h3" />,
  eraser: <path d="M4 15L14 5l6 6-9 9H8zM9 10l6 6M11 20h9" />,
  rectangle: <path d="M4 6h16v12H4z" />,
  fit: <path d="M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5" />,
  zoomIn: <path d="M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l5 5M11 8v6M8 11h6" />,
  zoomOut: <path d="M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l5 5M8 11h6" />,
  invert: <path d="M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18" />,
  picture: <path d="M4 5h16v14H4zM4 16l5-5 4 4 3-2 4 4M15.500 9v.01" />,
  compare: <path d="M12 3v18M4 6h5v12H4M20 6h-5v12h5" />,
  board: <path d="M5 4h14v12l-5 4H5zM14 20v-4h5" />,
  tag: <path d="M4 4h8l8 8-8 8-8-8zM8.500 8.500v.01" />,
  table: <path d="M4 4h16v16H4zM4 10h16M10 4v16" />,
  dice: <path d="M5 5h14v14H5zM9 9v.01M15 15v.01M12 12v.01" />,
} satisfies Record<string, ReactElement>;

export type IconName = keyof typeof SHAPES;

export function Icon({ name, size = 18, filled = false }: { name: IconName; size?: number; filled?: boolean }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill={filled ? "currentColor" : "none"}
      stroke="currentColor"
      strokeWidth="1.800"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      {SHAPES[name]}
    </svg>
  );
}
