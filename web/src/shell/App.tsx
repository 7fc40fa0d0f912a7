import { Center, Loader, Stack, Text } from "@mantine/core";
import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import { Route, Switch } from "wouter";
import { useMe } from "../api/accounts";
import { useStudioEvents } from "../api/events";
import { PaintPage } from "../paint/PaintPage";
import { Frame } from "./Frame";
import { Login } from "./Login";
import { Nowhere } from "./Nowhere";

const GalleryPage = lazy(() => import("../gallery/GalleryPage"));
const QueuePage = lazy(() => import("../queue/QueuePage"));
const PaintersPage = lazy(() => import("../painters/PaintersPage"));
const SettingsPage = lazy(() => import("../settings/SettingsPage"));

export function App() {
  const me = useMe();
  if (me.isPending) return <Waiting away={me.failureCount > 0} />;
  if (!me.data) return <Login />;
  return <Inside />;
}

function Inside() {
  useStudioEvents();
  return (
    <Frame>
      <Suspense fallback={<Waiting />}>
        <Switch>
          <Route path="/" component={PaintPage} />
          <Route path="/gallery" component={GalleryPage} />
          <Route path="/queue" component={QueuePage} />
          <Route path="/painters" component={PaintersPage} />
          <Route path="/settings" component={SettingsPage} />
          <Route component={Nowhere} />
        </Switch>
      </Suspense>
    </Frame>
  );
}

function Waiting({ away = false }: { away?: boolean }) {
  const { t } = useTranslation();
  return (
    <Center mih="50vh" role="status" aria-label={t("common.waiting")}>
      <Stack align="center">
        <Loader color="azurite" />
        {away && <Text>{t("errors.away")}</Text>}
      </Stack>
    </Center>
  );
}
