import { Modal, Slider, Table, Text } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { whole } from "../api/paintings";
import type { Painting } from "../api/types";
import { useSettingName } from "../paint/names";
import classes from "./Compare.module.css";
import { facts } from "./facts";

/** Two paintings over each other, and in what their wishes differ. */
export function Compare({ one, other, onClose }: { one: Painting; other: Painting; onClose: () => void }) {
  const { t } = useTranslation();
  const named = useSettingName();
  const [at, setAt] = useState(50);
  const [left, right] = [new Map(facts(one)), new Map(facts(other))];
  for (const [side, painting] of [
    [left, one],
    [right, other],
  ] as const) {
    for (const [name, value] of Object.entries(painting.scores)) {
      side.set(t("compare.score", { name: named(name) }), value.toFixed(2));
    }
  }
  const names = [...new Set([...left.keys(), ...right.keys()])].filter((name) => left.get(name) !== right.get(name));
  return (
    <Modal
      opened
      onClose={onClose}
      size="min(960px, 96vw)"
      title={t("compare.title")}
      closeButtonProps={{ "aria-label": t("common.close") }}
    >
      <div className={classes.columns}>
        <div>
          <div className={`checker ${classes.stage}`}>
            <img src={whole(other.id)} alt={t("compare.right", { words: other.words })} />
            <div className={`checker ${classes.over}`} style={{ clipPath: `inset(0 ${100 - at}% 0 0)` }}>
              <img src={whole(one.id)} alt={t("compare.left", { words: one.words })} />
            </div>
            <div className={classes.line} style={{ left: `${at}%` }} />
          </div>
          <Slider
            mt="md"
            min={0}
            max={100}
            value={at}
            color="azurite"
            size="lg"
            label={null}
            thumbLabel={t("compare.slider")}
            onChange={setAt}
          />
        </div>
        <div>
          {names.length === 0 && <Text>{t("compare.same")}</Text>}
          {names.length > 0 && (
            <Table>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>{t("compare.setting")}</Table.Th>
                  <Table.Th>{t("compare.leftSide")}</Table.Th>
                  <Table.Th>{t("compare.rightSide")}</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {names.map((name) => (
                  <Table.Tr key={name}>
                    <Table.Th scope="row">{named(name)}</Table.Th>
                    <Table.Td>{left.get(name) ?? "–"}</Table.Td>
                    <Table.Td>{right.get(name) ?? "–"}</Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          )}
        </div>
      </div>
    </Modal>
  );
}
