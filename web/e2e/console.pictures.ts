/** Pictures of every page for the documents: light and dark, on a screen and on a telephone. Looked at by people before they are kept. */
import { mkdirSync, readFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import { ASKS, automate, expect, HELLO, test } from "./console";
import { type Asker, Repository, type Server } from "./server";

/** A few of them stand in the documents; the others are for whoever looks at all. */
const KEPT = new URL("../../docs/images/console/", import.meta.url).pathname;
const ALL = new URL("results/pictures/", import.meta.url).pathname;
const IN_DOCUMENTS = new Set([
  "execution-light",
  "execution-small-light",
  "timeline-dark",
  "editor-light",
  "policy-light",
  "task-light",
  "packages-light",
  "package-plan-light",
  "custom-nodes-light",
  "dashboard-dark",
]);

/** Pages with a drawing. */
const DRAWN = new Set(["execution", "step", "failure", "workflow", "policy", "difference", "editor"]);

/** What is opened on a page before its picture is taken. */
const OPENED: Record<string, (page: Page) => Promise<void>> = {
  policy: async (page) => {
    await page.getByRole("button", { name: "Outline" }).click();
    await page.getByRole("treeitem", { name: /^tell/ }).click();
    await expect(page.getByRole("region", { name: "Node tell" })).toBeVisible();
  },
  package: async (page) => {
    await page.getByRole("button", { name: "Look at com.example.enrich" }).click();
    await expect(page.getByRole("dialog")).toBeVisible();
  },
  "package-plan": async (page) => {
    await page.getByRole("button", { name: "Install a package" }).click();
    await page.getByLabel("What it does, or its id").fill("lookup");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Install com.example.lookup" }).click();
    await expect(page.getByRole("button", { name: "Agree and install" })).toBeVisible();
  },
  "custom-node": async (page) => {
    await page.getByRole("button", { name: "Look at AddTwo 1.1.0" }).click();
    await expect(page.getByText("defineNode").first()).toBeVisible();
  },
};

const RELEASE = readFileSync(new URL("release.yaml", import.meta.url), "utf8");

const FAILS = `akao: 1
id: import-orders
version: 2.3.1
name: Import orders
root:
  type: Sequence
  children:
    - { id: fetch, type: LogMessage, props: { message: fetching } }
    - { id: convert, type: FailureNode, props: { message: "line 17 has no price" } }
`;

const NODE = `import { defineNode } from "workflow-sdk";

export const description = "Adds two numbers.";
export const schema = {
  type: "object",
  properties: { a: { type: "number" }, b: { type: "number" } },
  required: ["a", "b"],
};

export default defineNode<{ a: number; b: number }>(({ a, b }) => a + b);`;

test.use({ installs: true });

test("pictures of every page", async ({ console, page, ready: { server, owner } }) => {
  mkdirSync(KEPT, { recursive: true });
  mkdirSync(ALL, { recursive: true });
  await server.save(owner, "nightly-release", RELEASE);
  await server.save(owner, "import-orders", FAILS);
  await server.save(owner, "release", ASKS);
  await server.ask(
    owner,
    "POST",
    "/workflows/nightly-release/versions",
    { source: RELEASE.replace("version: 1.0.0", "version: 1.1.0").replace("waitMs: 120", "waitMs: 200") },
    { "if-match": await tagOf(server.url, owner.cookie, "nightly-release") },
  );
  for (let count = 0; count < 3; count += 1) await server.run(owner, "import-orders");
  const failed = await server.run(owner, "import-orders");
  const shown = await server.run(owner, "nightly-release", { input: { tag: "2.0" } });
  await server.run(owner, "release");
  await server.member(owner, "editor");
  await server.ask(owner, "POST", "/tokens", { name: "nightly import" });
  await server.wait(owner, failed, "failure");
  await server.wait(owner, shown, "waiting");
  await server.save(owner, "hello", HELLO);
  await automate(server, owner);
  await server.ask(owner, "POST", "/roles", {
    role: "release-manager",
    title: "Release manager",
    permissions: ["executions.read", "tasks.read", "tasks.complete"],
  });
  await server.ask(owner, "POST", "/teams", { team: "releases", title: "Who releases", role: "release-manager" });
  await server.ask(owner, "PUT", "/secrets/mail_password", { value: "not shown" });
  await customNodes(server, owner);
  const repository = await Repository.make(server.folder);
  await repository.publish("1.0.0", ["api.example.com:443"]);
  const { items } = await server.ask<{ items: Array<{ task: string; title: string }> }>(owner, "GET", "/tasks");
  const task = items.find((one) => one.title.includes("production"))?.task ?? "";
  const pages = [
    ["dashboard", "/", "Latest"],
    ["executions", "/executions", "nightly-release"],
    ["execution", `/executions/${shown}`, "Needs attention"],
    ["step", `/executions/${shown}?step=%2F1%2F0%2F0`, "compiling for"],
    ["outline", `/executions/${shown}?view=outline`, "guarded"],
    ["timeline", `/executions/${shown}?view=timeline`, "steps"],
    ["logs", `/executions/${shown}?view=logs`, "lines"],
    ["values", `/executions/${shown}?view=values`, "Blackboard"],
    ["failure", `/executions/${failed}`, "no price"],
    ["compare", `/compare?left=${failed}&right=${shown}`, "What differs"],
    ["workflows", "/workflows", "nightly-release"],
    ["workflow", "/workflows/nightly-release", "guarded"],
    ["policy", "/workflows/nightly-release", "guarded"],
    ["difference", "/workflows/nightly-release?tab=difference", "waitMs: 200"],
    ["editor", "/workflows/nightly-release/edit", "No problems"],
    ["node-types", "/node-types?type=HttpRequest", "How it fails"],
    ["tasks", "/tasks", "Release 2.0"],
    ["task", `/tasks/${encodeURIComponent(task)}`, "Approve"],
    ["members", "/members", "editor@example.com"],
    ["teams", "/teams", "Who releases"],
    ["roles", "/roles", "executions.steer"],
    ["quotas", "/quotas", "Executions at once"],
    ["tenants", "/tenants", "Of this whole server"],
    ["packages", "/packages", "com.example.enrich"],
    ["package", "/packages", "com.example.enrich"],
    ["package-plan", "/packages", "com.example.enrich"],
    ["environments", "/environments", "default"],
    ["custom-nodes", "/custom-nodes", "withdrawn"],
    ["custom-node", "/custom-nodes", "withdrawn"],
    ["schedules", "/schedules", "nightly greeting"],
    ["hooks", "/hooks", "orders of the shop"],
    ["webhooks", "/webhooks", "failures to the chat"],
    ["secrets", "/secrets", "mail_password"],
    ["tokens", "/tokens", "nightly import"],
    ["audit", "/audit", "workflow.saved"],
    ["account", "/account", "Change the password"],
  ] as const;
  await console.signIn();
  for (const colours of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme: colours, reducedMotion: "reduce" });
    for (const [size, width, height] of [
      ["", 1280, 720],
      ["-small", 390, 844],
    ] as const) {
      await page.setViewportSize({ width, height });
      for (const [name, path, words] of pages) {
        await console.open(path);
        await expect(page.getByText(words).first(), path).toBeVisible();
        if (DRAWN.has(name))
          await expect(page.locator(".react-flow__node").first(), path).toBeVisible({ timeout: 20_000 });
        await OPENED[name]?.(page);
        await page.waitForTimeout(name === "editor" || name === "difference" ? 900 : 350);
        const picture = `${name}${size}-${colours}`;
        const folder = IN_DOCUMENTS.has(picture) ? KEPT : ALL;
        await page.screenshot({ path: `${folder}${picture}.png` });
      }
    }
  }
  repository.remove();
});

/** A node of the tenant in four versions: each has come as far as a version can. */
async function customNodes(server: Server, owner: Asker): Promise<void> {
  const made: string[] = [];
  for (const version of ["1.0.0", "1.1.0", "1.2.0", "2.0.0"]) {
    const source = `${NODE}\n// ${version}\n`;
    const { id } = await server.ask<{ id: string }>(owner, "POST", "/custom-nodes", {
      name: "AddTwo",
      version,
      source,
    });
    made.push(id);
  }
  const move = (index: number, what: string, body?: unknown) =>
    server.ask(owner, "POST", `/custom-nodes/${made[index]}/${what}`, body);
  for (const index of [0, 1, 2]) await move(index, "activate");
  await move(0, "deprecate", {});
  await move(1, "withdraw", { message: "It rounds where it must not." });
}

async function tagOf(url: string, cookie: string, workflow: string): Promise<string> {
  const response = await fetch(`${url}/api/v1/workflows/${workflow}`, { headers: { cookie } });
  return response.headers.get("etag") ?? "";
}
