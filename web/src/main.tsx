import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import "./shell/page.css";
import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { queryClient } from "./api/query";
import i18next from "./i18n";
import { tell } from "./parts/say";
import { App } from "./shell/App";
import { nonce } from "./shell/nonce";
import { theme, variables } from "./shell/theme";

const client = queryClient((error) => tell(error, i18next.t));

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto" getStyleNonce={() => nonce}>
        <Notifications position="bottom-right" containerWidth={380} />
        <App />
      </MantineProvider>
    </QueryClientProvider>
  </StrictMode>,
);
