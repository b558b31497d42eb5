import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

/** Where a server is that answers the interface while the console is worked on. */
const SERVER = process.env["AKAO_URL"] ?? "http://127.0.0.1:8420";

export default defineConfig({
  plugins: [react()],
  build: {
    outDir: "dist/console",
    emptyOutDir: true,
    target: "es2023",
    sourcemap: false,
    // The Content-Security-Policy lets nothing in that does not come from the server.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 8_000,
    manifest: "manifest.json",
  },
  worker: { format: "es" },
  server: { proxy: { "/api": { target: SERVER, changeOrigin: true, headers: { origin: SERVER }, ws: true } } },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
