import { ActionIcon, Tooltip, type ActionIconProps } from "@mantine/core";
import type { ComponentPropsWithoutRef } from "react";
import { Icon, type IconName } from "./icons";

type Props = ActionIconProps &
  Omit<ComponentPropsWithoutRef<"button">, keyof ActionIconProps> & { icon: IconName; label: string; filled?: boolean };

/** A button that shows an icon and says what it does. */
export function IconButton({ icon, label, filled, ...others }: Props) {
  return (
    <Tooltip label={label} openDelay={400} events={{ hover: true, focus: true, touch: false }}>
      <ActionIcon variant="subtle" color="gray" size="lg" aria-label={label} {...others}>
        <Icon name={icon} filled={filled} />
      </ActionIcon>
    </Tooltip>
  );
}
