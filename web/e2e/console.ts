/** What every journey has: a server that is set up, somebody who is signed in, and axe. */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test as base, expect, type Page } from "@playwright/test";
import { byKeysAlone } from "./keys";
import { type Asker, install, PASSWORD, Server } from "./server";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface Ready {
  server: Server;
  owner: Asker;
}

/** A built console that stands in for the program's, so that pages can be tried without building the program again. */
const INSTEAD = process.env["AKAO_CONSOLE"];

/** How many times slower than this machine the browser works, to find journeys and pages that count on a fast one. */
const SLOWER = Number(process.env["AKAO_SLOWER"] ?? 1);

/** Whether this is the round without a pointer. */
const byKeys = (): boolean => base.info().project.name === "keys";

/** Answers what is the console's from a folder, and leaves what is the server's and what others answer. */
export async function prepare(page: Page, origin: string, folder = INSTEAD): Promise<void> {
  if (byKeys()) byKeysAlone(page);
  if (SLOWER > 1) {
    const session = await page.context().newCDPSession(page);
    await session.send("Emulation.setCPUThrottlingRate", { rate: SLOWER });
  }
  if (!folder) return;
  await page.route(/.*/, async (route) => {
    const url = new URL(route.request().url());
    if (url.origin !== origin || url.pathname.startsWith("/api/")) return route.continue();
    const file = join(folder, url.pathname);
    const isFile = url.pathname !== "/" && existsSync(file);
    await route.fulfill({ path: isFile ? file : join(folder, "index.html") });
  });
}

export const test = base.extend<{ console: Console }, { ready: Ready; installs: boolean }>({
  /** Whether a package is installed beforehand. */
  installs: [false, { option: true, scope: "worker" }],
  ready: [
    async ({ installs }, use) => {
      const server = await Server.start(async ({ folder }) => {
        if (installs) await install(folder);
        return [];
      });
      const owner = await server.setUp();
      await use({ server, owner });
      await server.stop();
    },
    { scope: "worker" },
  ],
  console: async ({ page, ready }, use) => {
    await prepare(page, ready.server.url);
    const found = new Console(page, ready.server, ready.owner);
    await use(found);
    // What the page complained about is a defect, whatever else went well.
    expect(found.complaints).toEqual([]);
  },
});

export { expect };

/** Replaces the text of the editor, as somebody who pastes; what is typed would be completed. */
export async function write(page: Page, text: string): Promise<void> {
  const editor = page.getByRole("textbox", { name: /^Text of/ });
  await editor.focus();
  await page.keyboard.press("ControlOrMeta+a");
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.evaluate((text) => navigator.clipboard.writeText(text), text);
  await page.keyboard.press("ControlOrMeta+v");
}

/** Lines that a browser writes when a connection is cut on purpose, or a request is refused as it should be. */
const EXPECTED = new RegExp(
  "Failed to load resource|WebSocket connection to|net::ERR_|Password forms should have" +
    // Where redirects lead a console that stands in does not answer, and the program's own has other files.
    (INSTEAD ? "|Failed to load module script" : ""),
);

export class Console {
  readonly complaints: string[] = [];

  constructor(
    readonly page: Page,
    readonly server: Server,
    readonly owner: Asker,
  ) {
    page.on("pageerror", (error) => this.complaints.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error" && !EXPECTED.test(message.text())) this.complaints.push(message.text());
    });
  }

  async open(path: string): Promise<void> {
    await this.page.goto(`${this.server.url}${path}`);
  }

  /** Signs in as the owner, or as who has this address, and opens a page. */
  async signIn(path = "/", email = "ada@example.com"): Promise<void> {
    await this.open(`/sign-in?next=${encodeURIComponent(path)}`);
    await this.page.getByLabel("Email address").fill(email);
    await this.page.getByLabel("Password").fill(PASSWORD);
    await this.page.getByRole("button", { name: "Sign in", exact: true }).click();
    await expect(this.page.locator("#content")).toBeVisible();
  }

  /** Waits until another site has sent the browser back. A console that stands in does not answer where redirects lead. */
  async isBack(): Promise<void> {
    await this.page.waitForURL(`${this.server.url}/`);
    if (INSTEAD) await this.open("/");
    await expect(this.page.getByRole("heading", { name: "Dashboard" })).toBeVisible();
  }

  /** Every rule of WCAG 2.1 A and AA that a machine can hold the page against. */
  async isAccessible(): Promise<void> {
    // The same pages are looked at in the round with a pointer.
    if (byKeys()) return;
    // A page that is still being loaded is not what is looked at.
    await this.page.locator("main").first().waitFor({ state: "attached" });
    await this.page.evaluate(AXE);
    const violations = await this.page.evaluate(async () => {
      const axe = (globalThis as unknown as { axe: { run: (options: unknown) => Promise<{ violations: unknown[] }> } })
        .axe;
      const found = await axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] });
      return (
        found.violations as Array<{
          id: string;
          help: string;
          nodes: Array<{ target: string[]; failureSummary: string }>;
        }>
      ).map((one) => ({
        id: one.id,
        help: one.help,
        nodes: one.nodes.slice(0, 3).map((node) => `${node.target} ${node.failureSummary}`),
      }));
    });
    expect.soft(violations, this.page.url()).toEqual([]);
  }
}

export const HELLO = `akao: 1
id: hello
version: 1.0.0
name: Greeting
inputs:
  name: { type: string, default: world, description: Whom to greet. }
outputs: { greeting: "\${greeting}" }
root:
  type: Sequence
  children:
    - { type: SetVariable, id: greet, props: { key: greeting, value: "Hello, \${input.name}!" } }
    - { type: LogMessage, id: say, props: { message: "\${greeting}" } }
`;

export const WAITS = `akao: 1
id: waits
version: 1.0.0
root:
  type: Sequence
  children:
    - { type: LogMessage, id: before, props: { message: before the gate } }
    - { id: gate, type: WaitForSignal, props: { signalName: go } }
    - { type: LogMessage, id: after, props: { message: behind the gate } }
`;

export const ASKS = `akao: 1
id: release
version: 1.0.0
root:
  type: Sequence
  children:
    - id: ask
      type: HumanTask
      props:
        title: Release 2.0 to production
        description: Approve when the tests have passed.
        form:
          type: object
          required: [window]
          properties:
            window: { type: string, title: Window, enum: [now, tonight] }
            servers: { type: integer, title: Servers, minimum: 1, default: 3 }
    - { type: LogMessage, props: { message: released } }
`;

/** What starts a workflow by itself and what tells others, one of each; the workflow `hello` is there. */
export async function automate(server: Server, owner: Asker): Promise<void> {
  const { items } = await server.ask<{ items: Array<{ name: string }> }>(owner, "GET", "/schedules");
  if (items.some(({ name }) => name === "nightly greeting")) return;
  const add = (path: string, name: string, spec: unknown) => server.ask(owner, "POST", path, { name, spec });
  await add("/schedules", "nightly greeting", { workflow: "hello", cron: "30 2 * * *", zone: "Europe/Vienna" });
  await add("/hooks", "orders of the shop", { workflow: "hello" });
  await add("/webhooks", "failures to the chat", {
    url: "https://chat.example.com/hook",
    events: ["execution.failed"],
  });
}
