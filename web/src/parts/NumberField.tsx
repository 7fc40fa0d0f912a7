import { NumberInput, type NumberInputProps } from "@mantine/core";
import { useState, type KeyboardEvent } from "react";

interface Props extends Omit<NumberInputProps, "value" | "onChange" | "min" | "max"> {
  value: number | null;
  min: number;
  max: number;
  onChange: (value: number) => void;
  /** The field was emptied; without this it then falls back to its last number. */
  onEmpty?: () => void;
}

/**
 * A number. What is no number yet, such as nothing or "-", changes nothing, so that a field can be emptied to type another;
 * its limits are looked at once it is left, or Enter orders what is in it.
 */
export function NumberField({ value, min, max, onChange, onEmpty, ...others }: Props) {
  const [typed, setTyped] = useState<string | number | null>(null);
  const take = (given: string | number) => {
    setTyped(given);
    const number = numberOf(given);
    if (number !== null) onChange(number);
    else if (given === "") onEmpty?.();
  };
  const settle = () => {
    const number = numberOf(typed ?? value ?? "");
    const within = number === null ? null : Math.min(max, Math.max(min, number));
    if (within !== null && within !== value) onChange(within);
    setTyped(null);
  };
  return (
    <NumberInput
      {...others}
      min={min}
      max={max}
      allowNegative={min < 0}
      value={typed ?? value ?? ""}
      onChange={take}
      onBlur={settle}
      onKeyDown={(event: KeyboardEvent) => event.key === "Enter" && settle()}
    />
  );
}

function numberOf(text: string | number): number | null {
  return text !== "" && Number.isFinite(Number(text)) ? Number(text) : null;
}
