import { Button, Group, Text } from "@mantine/core";

/** What was done, and a button that takes it back. */
export function Undo({ text, label, onUndo }: { text: string; label: string; onUndo: () => void }) {
  return (
    <Group justify="space-between" wrap="nowrap">
      <Text size="sm">{text}</Text>
      <Button size="xs" variant="light" color="azurite" onClick={onUndo}>
        {label}
      </Button>
    </Group>
  );
}
