import { defineConfig } from "@playwright/test";
import journeys from "./playwright.config";

/** The pictures of every page, for the documents. */
export default defineConfig(journeys, { testMatch: "*.pictures.ts", timeout: 480_000, workers: 1 });
