import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  // For `npm run dev`, beside a studio at its usual place.
  server: { proxy: { "/api": { target: "http://127.0.0.1:7860" } } },
  // The policy of the page allows scripts from the studio only, so nothing may be put into the page itself.
  build: {
    target: "es2022",
    // Styles use light-dark(), which every browser has had since May 2024.
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 900,
  },
});
