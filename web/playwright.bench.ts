import { defineConfig } from "@playwright/test";
import journeys from "./playwright.config";

/** The figures of docs/performance.md: one browser, one server, nothing beside them. */
export default defineConfig(journeys, { testMatch: "*.bench.ts", timeout: 300_000, workers: 1, use: { trace: "off" } });
