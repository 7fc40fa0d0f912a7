import { Menu } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Painting } from "../api/types";
import { whole } from "../api/paintings";
import { Icon } from "../parts/icons";
import { IconButton } from "../parts/IconButton";
import { save } from "../parts/save";
import { tell } from "../parts/say";
import { useAfter } from "./useAfter";

export function ResultMenu({ painting, onShow }: { painting: Painting; onShow: () => void }) {
  const { t } = useTranslation();
  const { useAsStart, useSeed, useAll, trash } = useAfter(painting);
  return (
    <Menu withInitialFocusPlaceholder={false} position="bottom-end" shadow="md" withinPortal>
      <Menu.Target>
        <IconButton icon="dots" label={t("result.others")} />
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item leftSection={<Icon name="picture" />} onClick={useAsStart}>
          {t("result.asStart")}
        </Menu.Item>
        <Menu.Item leftSection={<Icon name="dice" />} onClick={useSeed}>
          {t("result.sameSeed")}
        </Menu.Item>
        <Menu.Item leftSection={<Icon name="brush" />} onClick={useAll}>
          {t("result.inTheForm")}
        </Menu.Item>
        <Menu.Item leftSection={<Icon name="tag" />} onClick={onShow}>
          {t("result.tagIt")}
        </Menu.Item>
        <Menu.Item
          leftSection={<Icon name="download" />}
          onClick={() => save(`${whole(painting.id)}?download=true`).catch((error: unknown) => tell(error, t))}
        >
          {t("result.download")}
        </Menu.Item>
        <Menu.Divider />
        <Menu.Item leftSection={<Icon name="trash" />} c="var(--mantine-color-error)" onClick={trash}>
          {t("result.trash")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
