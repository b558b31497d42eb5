import { defineConfig } from "@playwright/test";

/** Journeys marked so run in the nightly suite only. */
const NIGHTLY = /@nightly/;

const isNightly = Boolean(process.env["AKAO_NIGHTLY"]);

export default defineConfig({
  testDir: "e2e",
  testMatch: "*.spec.ts",
  outputDir: "e2e/results",
  workers: 2,
  timeout: 90_000,
  expect: { timeout: 20_000 },
  // A journey that passes on the second try has failed.
  retries: 0,
  reporter: [["list"]],
  ...(isNightly ? {} : { grepInvert: NIGHTLY }),
  projects: [
    { name: "pointer" },
    // Every journey once more, by keys alone. What only looks at pages is no journey.
    ...(isNightly ? [{ name: "keys", testIgnore: ["pages.spec.ts", "keyboard.spec.ts"] }] : []),
  ],
  use: {
    browserName: "chromium",
    viewport: { width: 1280, height: 720 },
    launchOptions: {
      executablePath: "/usr/bin/chromium",
      // The tests may run as root, whom the browser's own sandbox refuses. They open nothing but this server.
      args: ["--no-sandbox", "--disable-dev-shm-usage"],
    },
    trace: "retain-on-failure",
  },
});
