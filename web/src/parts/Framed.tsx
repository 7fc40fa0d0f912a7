import type { ReactNode } from "react";
import { small } from "../api/paintings";
import classes from "./Framed.module.css";

interface Props {
  src: string;
  alt: string;
  /** Width of the picture in pixels: few pixels are shown as such. */
  pixels?: number;
  children?: ReactNode;
}

/** A picture on what shows transparency. */
export function Framed({ src, alt, pixels = 256, children }: Props) {
  return (
    <div className={`checker ${classes.frame}`}>
      <img
        className={pixels <= 96 ? classes.pixels : classes.picture}
        src={src}
        alt={alt}
        loading="lazy"
        decoding="async"
        draggable={false}
      />
      {children}
    </div>
  );
}

export const smallOf = (painting: { id: string; width: number }) => small(painting.id, painting.width > 256 ? 512 : 256);
