import { defineConfig } from "@playwright/test";

/** Journeys marked so run in the nightly suite only. */
const NIGHTLY = /@nightly/;

const isNightly = Boolean(process.env["AKAO_NIGHTLY"]);

/** A browser that is slowed down gets more time; see `e2e/console.ts`. */
const SLOWER = Math.max(1, Number(process.env["AKAO_SLOWER"] ?? 1));

export default defineConfig({
  testDir: "e2e",
  testMatch: "*.spec.ts",
  outputDir: "e2e/results",
  workers: 2,
  timeout: 90_000 * SLOWER,
  expect: { timeout: 20_000 * SLOWER },
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
