import { Button, Checkbox, ColorInput, Fieldset, Group, NativeSelect, Radio, Stack } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useRecord } from "../api/paintings";
import type { Painting } from "../api/types";
import { Icon } from "../parts/icons";
import { NumberField } from "../parts/NumberField";
import { save } from "../parts/save";
import { Trouble } from "../parts/say";

const PLAIN = ["png", "webp", "jpeg"];
const FINISHES = ["svg", "ico", "icns", "favicons", "pixels"];

/** The painting as a file, of every kind that the box knows, with what it should carry. */
export function Download({ painting }: { painting: Painting }) {
  const { t } = useTranslation();
  const [format, setFormat] = useState("png");
  const [carry, setCarry] = useState("all");
  const [kept, setKept] = useState<string[]>([]);
  const [quality, setQuality] = useState(90);
  const [background, setBackground] = useState("#ffffff");
  const [pixels, setPixels] = useState({ pixels: 32, colours: 16, scale: 8 });
  const record = useRecord(painting.id);
  const saving = useMutation({ mutationFn: save, meta: { quiet: true } });
  const plain = PLAIN.includes(format);

  const query = new URLSearchParams({ format });
  if (plain) {
    query.set("download", "true");
    if (format !== "png") query.set("quality", String(quality));
    if (format === "jpeg") query.set("background", background);
    if (carry === "none" || (carry === "some" && kept.length === 0)) query.set("bare", "true");
    else if (carry === "some") for (const name of kept) query.append("keep", name);
  } else if (format === "pixels") {
    for (const [name, value] of Object.entries(pixels)) query.set(name, String(value));
  }
  const address = `/api/paintings/${painting.id}/${plain ? "file" : "finish"}?${query.toString()}`;

  return (
    <Fieldset legend={t("download.title")}>
      <Stack gap="sm">
        <NativeSelect
          label={t("download.format")}
          value={format}
          data={[...PLAIN, ...FINISHES].map((name) => ({ value: name, label: t(`download.as.${name}`) }))}
          onChange={(event) => setFormat(event.currentTarget.value)}
        />
        {plain && format !== "png" && (
          <NumberField
            label={t("download.quality")}
            min={1}
            max={100}
            allowDecimal={false}
            value={quality}
            onChange={setQuality}
          />
        )}
        {format === "jpeg" && (
          <ColorInput
            label={t("download.background")}
            format="hex"
            value={background}
            onChange={setBackground}
            eyeDropperButtonProps={{ "aria-label": t("gallery.eyeDropper") }}
          />
        )}
        {plain && (
          <Radio.Group label={t("download.carry")} value={carry} onChange={setCarry}>
            <Group mt={6}>
              <Radio value="all" label={t("download.all")} />
              <Radio value="some" label={t("download.some")} />
              <Radio value="none" label={t("download.none")} />
            </Group>
          </Radio.Group>
        )}
        {plain && carry === "some" && (
          <Checkbox.Group label={t("download.fields")} value={kept} onChange={setKept}>
            <Stack gap={6} mt={6}>
              {Object.keys(record.data ?? {}).map((name) => (
                <Checkbox key={name} value={name} label={name} />
              ))}
            </Stack>
          </Checkbox.Group>
        )}
        {format === "pixels" && (
          <Group grow>
            {(["pixels", "colours", "scale"] as const).map((name) => (
              <NumberField
                key={name}
                label={t(`download.pixel.${name}`)}
                min={name === "pixels" ? 8 : name === "colours" ? 2 : 1}
                max={name === "pixels" ? 256 : name === "colours" ? 255 : 32}
                allowDecimal={false}
                value={pixels[name]}
                onChange={(value) => setPixels({ ...pixels, [name]: value })}
              />
            ))}
          </Group>
        )}
        <Button
          variant="light"
          color="azurite"
          leftSection={<Icon name="download" />}
          loading={saving.isPending}
          onClick={() => saving.mutate(address)}
        >
          {t("download.go")}
        </Button>
        <Trouble error={saving.error ?? record.error} />
      </Stack>
    </Fieldset>
  );
}
