import { Checkbox, UnstyledButton } from "@mantine/core";
import { memo, type MouseEvent } from "react";
import { useTranslation } from "react-i18next";
import type { Painting } from "../api/types";
import { Framed, smallOf } from "../parts/Framed";
import { Icon } from "../parts/icons";
import type { Selection } from "./useSelection";
import classes from "./Wall.module.css";

interface Props {
  painting: Painting;
  at: number;
  selected: boolean;
  reachable: boolean;
  selection: Pick<Selection, "toggle" | "extend">;
  onShow: (id: string) => void;
}

/** A painting on the wall. A click opens it; with Ctrl or Shift, or on its box, it is selected. */
export const Tile = memo(function Tile({ painting, at, selected, reachable, selection, onShow }: Props) {
  const { t } = useTranslation();
  const { id, words, painter, seed, stars } = painting;
  const named = t("result.named", { words: words || painter, seed });
  const click = (event: MouseEvent) => {
    if (event.shiftKey) selection.extend(id);
    else if (event.ctrlKey || event.metaKey) selection.toggle(id);
    else onShow(id);
  };
  return (
    <div className={classes.tile} data-tile={at} data-selected={selected || undefined}>
      <UnstyledButton
        className={classes.open}
        data-at={at}
        tabIndex={reachable ? 0 : -1}
        aria-label={t("result.open", { named })}
        onClick={click}
      >
        <Framed src={smallOf(painting)} alt="" pixels={painting.width} />
      </UnstyledButton>
      <div className={classes.check}>
        <Checkbox
          aria-label={t("gallery.select", { named })}
          checked={selected}
          tabIndex={reachable ? 0 : -1}
          onChange={() => selection.toggle(id)}
        />
      </div>
      <div className={classes.caption}>
        <span className={classes.words}>{words || painter}</span>
        {stars > 0 && (
          <span className={classes.stars} role="img" aria-label={t("detail.starsNamed", { count: stars })}>
            <Icon name="star" size={14} filled />
            {stars > 1 && stars}
          </span>
        )}
      </div>
    </div>
  );
});
