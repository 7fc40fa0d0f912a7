import { notifications } from "@mantine/notifications";
import { createElement } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import { useOrder } from "../api/jobs";
import { useChange, useTrash } from "../api/paintings";
import type { Painting } from "../api/types";
import { EMPTY } from "../canvas/drawing";
import { Undo } from "../parts/Undo";
import { change } from "./form";
import { again, formOf, type Lost } from "./wish";

/** What can be done with a painting, wherever it is shown. */
export function useAfter(painting: Painting) {
  const [, go] = useLocation();
  const order = useOrder();
  const changing = useChange();
  const remove = useRemove();
  const { t } = useTranslation();
  const ready = (lost: Lost | null = null) => {
    go("/");
    notifications.show({
      message: lost ? t(`result.lost.${lost}`) : t("result.inForm"),
      autoClose: lost ? 12_000 : undefined,
      color: "azurite",
      closeButtonProps: { "aria-label": t("common.close") },
    });
  };
  return {
    repeat: (count: number) => order.mutate(again(painting, count)),
    star: () => changing.mutate({ paintings: [painting], stars: painting.stars > 0 ? 0 : 1 }),
    useAsStart: () => {
      change({ start: { ...painting, name: painting.words }, mask: EMPTY });
      ready();
    },
    useSeed: () => {
      change({ seed: painting.seed });
      ready();
    },
    useAll: async () => {
      const { form, lost } = await formOf(painting);
      change(form);
      ready(lost);
    },
    trash: () => remove([painting.id]),
  };
}

/** Put paintings into the trash, and offer to take them back. */
export function useRemove(): (ids: string[]) => void {
  const { t } = useTranslation();
  const trash = useTrash();
  return (paintings) =>
    trash.mutate(
      { paintings },
      {
        onSuccess: ({ count }) => {
          const id = `trash-${Date.now()}`;
          const undo = () => {
            notifications.hide(id);
            trash.mutate({ paintings, back: true });
          };
          notifications.show({
            id,
            message: createElement(Undo, { text: t("result.trashed", { count }), label: t("common.undo"), onUndo: undo }),
            autoClose: 10_000,
            color: "azurite",
            closeButtonProps: { "aria-label": t("common.close") },
          });
        },
      },
    );
}
