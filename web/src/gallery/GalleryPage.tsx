import { Button, Group, Stack, Text, Title } from "@mantine/core";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { EVERYTHING, useGallery, type Search } from "../api/paintings";
import { Trouble } from "../parts/say";
import { personal, store, useStore } from "../parts/store";
import { Compare } from "./Compare";
import { Filters } from "./Filters";
import { Selected } from "./Selected";
import { TrashBar } from "./TrashBar";
import { useDetail } from "./useDetail";
import { useSelection } from "./useSelection";
import { Wall } from "./Wall";

/** What is searched for stays while other pages are looked at. */
const searched = personal(store<Search>(EVERYTHING), () => EVERYTHING);

export default function GalleryPage() {
  const { t } = useTranslation();
  const search = useStore(searched);
  const found = useGallery(search);
  const paintings = useMemo(() => found.data?.pages.flatMap((page) => page.paintings) ?? [], [found.data]);
  const selection = useSelection(paintings);
  const { detail, show } = useDetail(paintings);
  // Filters keep what is still being typed; to show all, they begin anew.
  const [begun, setBegun] = useState(0);
  const [comparing, setComparing] = useState(false);
  const total = found.data?.pages[0]?.total ?? 0;
  const narrowed = JSON.stringify({ ...search, trashed: false }) !== JSON.stringify(EVERYTHING);
  const change = (some: Partial<Search>) => {
    selection.clear();
    searched.set((old) => ({ ...old, ...some }));
  };
  const [one, other] = selection.paintings;
  return (
    <Stack gap="lg">
      <Group justify="space-between">
        <Title order={1}>{search.trashed ? t("gallery.trash") : t("nav.gallery")}</Title>
        <Button variant="default" onClick={() => change({ trashed: !search.trashed })}>
          {search.trashed ? t("gallery.back") : t("gallery.trash")}
        </Button>
      </Group>
      {search.trashed ? <TrashBar total={total} /> : <Filters key={begun} search={search} onChange={change} />}
      <Trouble error={found.error} />
      <Text c="dimmed" role="status">
        {found.isSuccess && t("gallery.found", { count: total })}
      </Text>
      {found.isSuccess && total === 0 && (
        <Stack align="center" py={64} gap="sm">
          <Text size="lg">
            {search.trashed ? t("gallery.trashEmpty") : narrowed ? t("gallery.nothing") : t("gallery.empty")}
          </Text>
          {narrowed && !search.trashed && (
            <Button
              variant="default"
              onClick={() => {
                change(EVERYTHING);
                setBegun((times) => times + 1);
              }}
            >
              {t("gallery.showAll")}
            </Button>
          )}
        </Stack>
      )}
      <Wall
        paintings={paintings}
        total={total}
        selection={selection}
        trashed={search.trashed}
        more={found.hasNextPage && !found.isFetchingNextPage ? () => void found.fetchNextPage() : undefined}
        onShow={show}
      />
      <Selected
        selection={selection}
        trashed={search.trashed}
        board={search.board}
        onCompare={one && other && selection.paintings.length === 2 ? () => setComparing(true) : undefined}
      />
      {comparing && one && other && <Compare one={one} other={other} onClose={() => setComparing(false)} />}
      {detail}
    </Stack>
  );
}
