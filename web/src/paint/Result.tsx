import { Group, Text, UnstyledButton } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useMay } from "../api/accounts";
import type { Painting } from "../api/types";
import { Framed, smallOf } from "../parts/Framed";
import { IconButton } from "../parts/IconButton";
import { ResultMenu } from "./ResultMenu";
import { Scores } from "./Scores";
import { useAfter } from "./useAfter";

/** A painting that was just made, and what can be done with it. */
export function Result({ painting, onShow }: { painting: Painting; onShow: () => void }) {
  const { t } = useTranslation();
  const may = useMay("maker");
  const { repeat, star } = useAfter(painting);
  const named = t("result.named", { words: painting.words || painting.painter, seed: painting.seed });
  return (
    <article aria-label={named}>
      <UnstyledButton onClick={onShow} w="100%" aria-label={t("result.open", { named })}>
        <Framed src={smallOf(painting)} alt={named} pixels={painting.width} />
      </UnstyledButton>
      <Group justify="space-between" wrap="nowrap" gap={4} mt={4}>
        <Text size="sm" truncate title={painting.words}>
          {painting.words || painting.painter}
        </Text>
      </Group>
      <Scores painting={painting} />
      {may && (
        <Group gap={2} ms={-8}>
          <IconButton icon="again" label={t("result.again")} onClick={() => repeat(1)} />
          <IconButton icon="more" label={t("result.more")} onClick={() => repeat(4)} />
          <IconButton
            icon="star"
            label={t("result.star")}
            aria-pressed={painting.stars > 0}
            filled={painting.stars > 0}
            c={painting.stars > 0 ? "cinnabar" : undefined}
            onClick={star}
          />
          <ResultMenu painting={painting} onShow={onShow} />
        </Group>
      )}
    </article>
  );
}
