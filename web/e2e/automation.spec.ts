import { createHmac } from "node:crypto";
import { expect, HELLO, test, write } from "./console";
import { PASSWORD } from "./server";

test("a schedule is made, started by hand, paused and removed", async ({ console, page }) => {
  const { server, owner } = console;
  await server.save(owner, "hello", HELLO).catch(() => {});
  await console.signIn("/schedules");
  await page.getByRole("button", { name: "New schedule" }).click();
  await page.getByLabel("Name").fill("every night");
  await page.getByLabel("Workflow").selectOption("hello");
  await page.getByLabel("When").fill("nonsense");
  await page.getByRole("button", { name: "Make it" }).click();
  await expect(page.getByRole("alert")).toBeVisible();
  await page.getByLabel("When").fill("30 2 * * *");
  await expect(page.getByText(/Next: .*02:30/)).toBeVisible();
  await console.isAccessible();
  await page.getByRole("button", { name: "Make it" }).click();
  const row = page.getByRole("row", { name: /every night/ });
  await expect(row).toContainText("active");
  await console.isAccessible();
  await page.getByRole("button", { name: "Start every night now" }).click();
  await expect(page.getByText("hello was started.")).toBeVisible();
  await page.getByRole("button", { name: "Pause every night" }).click();
  await expect(row).toContainText("paused");
  await page.getByRole("button", { name: "Remove every night" }).click();
  await page.getByRole("button", { name: "Remove", exact: true }).click();
  await expect(row).toHaveCount(0);
});

test("a webhook is made with a secret that is shown once, and removed", async ({ console, page }) => {
  await console.signIn("/webhooks");
  await page.getByRole("button", { name: "New webhook" }).click();
  await page.getByLabel("Name").fill("tell the chat");
  await page.getByLabel("Address").fill("https://chat.example.com/hook");
  await page.getByLabel("execution.failed").check();
  await console.isAccessible();
  await page.getByRole("button", { name: "Make it" }).click();
  await expect(page.getByText("It is shown once.")).toBeVisible();
  await page.getByRole("button", { name: "Done" }).click();
  const row = page.getByRole("row", { name: /tell the chat/ });
  await expect(row).toContainText("execution.failed");
  await console.isAccessible();
  await page.getByRole("button", { name: "Deliveries of tell the chat" }).click();
  await expect(page.getByText("Nothing was told yet")).toBeVisible();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "New secret of tell the chat" }).click();
  await expect(page.getByText("the one before counts for a day")).toBeVisible();
  await page.getByRole("button", { name: "Done" }).click();
  await page.getByRole("button", { name: "New secret of tell the chat" }).click();
  await expect(page.getByText("The secret before the present one counts until")).toBeVisible();
  await console.isAccessible();
  await page.getByRole("button", { name: "End it now" }).click();
  await expect(page.getByText("the one before counts for a day")).toBeVisible();
  await page.getByRole("button", { name: "Done" }).click();
  await page.getByRole("button", { name: "Remove tell the chat" }).click();
  await page.getByRole("button", { name: "Remove", exact: true }).click();
  await expect(row).toHaveCount(0);
});

test("a hook is made, starts a workflow by a message that is signed, and refuses one when it rests", async ({
  console,
  page,
}) => {
  const { server, owner } = console;
  await server.save(owner, "hooked", HELLO.replace("id: hello", "id: hooked"));
  await console.signIn("/hooks");
  await page.getByRole("button", { name: "New hook" }).click();
  await page.getByLabel("Name").fill("from the shop");
  await page.getByLabel("Workflow").selectOption("hooked");
  await page.getByLabel("Input").fill('{"name": {"pointer": "/body/customer"}');
  await console.isAccessible();
  await page.getByRole("button", { name: "Make it" }).click();
  await expect(page.getByText("This is not JSON.")).toBeVisible();
  await page.getByLabel("Input").fill('{"name": {"pointer": "/body/customer"}}');
  await page.getByRole("button", { name: "Make it" }).click();
  const shown = page.getByRole("dialog", { name: "from the shop" }).locator("code");
  const secret = (await shown.first().textContent()) ?? "";
  const address = (await shown.nth(1).textContent()) ?? "";
  await console.isAccessible();
  await page.getByRole("button", { name: "Done" }).click();
  const row = page.getByRole("row", { name: /from the shop/ });
  await expect(row).toContainText("active");
  await console.isAccessible();
  const taken = await send(address, secret, "one", { customer: "Grace" });
  expect(taken.status).toBe(202);
  const { execution } = (await taken.json()) as { execution: string };
  expect(await server.wait(owner, execution, "success")).toMatchObject({ outputs: { greeting: "Hello, Grace!" } });
  expect((await send(address, "whsec_bm90IHRoZSBzZWNyZXQ=", "two", { customer: "Grace" })).status).toBe(401);
  await page.getByRole("button", { name: "Pause from the shop" }).click();
  await expect(row).toContainText("paused");
  expect((await send(address, secret, "three", { customer: "Grace" })).ok).toBe(false);
  await page.getByRole("button", { name: "Remove from the shop" }).click();
  await page.getByRole("button", { name: "Remove", exact: true }).click();
  await expect(row).toHaveCount(0);
});

/** Sends a message as Standard Webhooks say. */
async function send(address: string, secret: string, id: string, body: unknown): Promise<Response> {
  const text = JSON.stringify(body);
  const at = String(Math.floor(Date.now() / 1_000));
  const key = Buffer.from(secret.replace("whsec_", ""), "base64");
  const signature = createHmac("sha256", key).update(`${id}.${at}.${text}`).digest("base64");
  return fetch(address, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "webhook-id": id,
      "webhook-timestamp": at,
      "webhook-signature": `v1,${signature}`,
    },
    body: text,
  });
}

test("a node is uploaded, looked through, activated and retired @nightly", async ({ console, page }) => {
  await console.signIn("/custom-nodes");
  await page.getByRole("button", { name: "Upload a node" }).click();
  await page.getByLabel("Name").fill("AddTwo");
  await console.isAccessible();
  await page.getByRole("button", { name: "Upload", exact: true }).click();
  const row = page.getByRole("row", { name: /AddTwo/ });
  await expect(row).toContainText("draft", { timeout: 30_000 });
  await console.isAccessible();
  await page.getByRole("button", { name: "Look at AddTwo 1.0.0" }).click();
  await expect(page.getByText("defineNode").first()).toBeVisible();
  await console.isAccessible();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Activate AddTwo 1.0.0" }).click();
  await expect(row).toContainText("active");
  await page.getByRole("button", { name: "Retire AddTwo 1.0.0" }).click();
  await expect(row).toContainText("deprecated");
  await page.getByRole("button", { name: "Withdraw AddTwo 1.0.0" }).click();
  await expect(row).toContainText("withdrawn");
  await page.getByRole("button", { name: "Activate AddTwo 1.0.0" }).click();
  await expect(row).toContainText("active");
});

test("a node is uploaded from files, found in the catalogue and the editor, and rolled back @nightly", async ({
  console,
  page,
}) => {
  test.setTimeout(120_000);
  const { server, owner } = console;
  const file = (name: string, text: string) => ({ name, mimeType: "text/plain", buffer: Buffer.from(text) });
  const node = (how: string) => `import { defineNode } from "workflow-sdk";
import { word } from "./words";

export const description = "Greets, ${how}.";
export const schema = { type: "object", properties: { whom: { type: "string" } }, required: ["whom"] };

export default defineNode<{ whom: string }>(({ whom }) => word + whom);
`;
  await console.signIn("/custom-nodes");
  const uploads = async (version: string, how: string) => {
    await page.getByRole("button", { name: "Upload a node" }).click();
    await page
      .getByLabel("Files")
      .setInputFiles([
        file("greet-them.ts", node(how)),
        file("greet-them.test.ts", "not sent, and no TypeScript"),
        file("words.ts", 'export const word = "Hello, ";'),
      ]);
    await expect(page.getByLabel("Name")).toHaveValue("GreetThem");
    await expect(page.getByLabel("The node is in")).toHaveValue("greet-them.ts");
    await expect(page.getByText("2 files are sent")).toBeVisible();
    await page.getByLabel("Version", { exact: true }).fill(version);
    await console.isAccessible();
    await page.getByRole("button", { name: "Upload", exact: true }).click();
    await page.getByRole("button", { name: `Activate GreetThem ${version}` }).click({ timeout: 30_000 });
    await expect(page.getByRole("row", { name: new RegExp(`GreetThem.*${version}`) })).toContainText("active");
  };
  await uploads("1.0.0", "as before");
  await uploads("1.1.0", "in a new way");

  // One file becomes the text, which stays over a reload until it is sent or dropped.
  await page.getByRole("button", { name: "Upload a node" }).click();
  await page.getByLabel("Files").setInputFiles([file("other.ts", "export default 1; // of a file")]);
  await expect(page.getByLabel("Source")).toHaveValue(/of a file/);
  await page.reload();
  await page.getByRole("button", { name: "Upload a node" }).click();
  await expect(page.getByLabel("Source")).toHaveValue(/of a file/);
  await page.getByLabel("Files").setInputFiles([file("notes.json", "{}")]);
  await expect(page.getByText("None of these is the TypeScript of a node.")).toBeVisible();
  await page.getByRole("button", { name: "Cancel" }).click();

  // The editor completes it, and the catalogue says who uses it.
  await console.open("/new-workflow");
  await expect(page.locator(".react-flow__node").first()).toBeVisible();
  await write(page, "akao: 1\nid: greets\nversion: 1.0.0\nroot:\n  type: ");
  await page.keyboard.type("GreetTh");
  await expect(page.getByRole("option", { name: /^GreetThem,/ })).toBeVisible();
  await expect(page.getByRole("option", { name: /^GreetThem@1\.0\.0/ })).toBeVisible();
  await write(page, "akao: 1\nid: greets\nversion: 1.0.0\nroot:\n  type: GreetThem\n  props: { whom: all }\n");
  await expect(page.getByText("No problems")).toBeVisible();
  await page.getByRole("button", { name: "Publish" }).click();
  await expect(page.getByRole("heading", { name: "Edit greets" })).toBeVisible();
  await console.open("/node-types?type=GreetThem");
  await expect(page.getByRole("heading", { name: "GreetThem" })).toBeVisible();
  await expect(page.getByText("Greets, in a new way.").first()).toBeVisible();
  await expect(page.getByRole("link", { name: "greets", exact: true })).toBeVisible();
  await console.isAccessible();

  await console.open("/custom-nodes");
  await page.getByRole("button", { name: "Roll back GreetThem 1.1.0" }).click();
  await expect(page.getByText("GreetThem 1.0.0 is used again, 1.1.0 is retired.").first()).toBeAttached();
  await expect(page.getByRole("row", { name: /GreetThem.*1\.1\.0/ })).toContainText("deprecated");
  const { types } = await server
    .ask<{ items: Array<{ version: string }> }>(owner, "POST", "/catalogue/named", { types: ["GreetThem"] })
    .then(({ items }) => ({ types: items.map(({ version }) => version) }));
  expect(types).toEqual(["1.0.0"]);

  // What was published names the version that it was saved with, and its start is warned of that one.
  await console.open(`/executions/${await server.run(owner, "greets")}`);
  await expect(page.getByText("Its start was warned of:")).toBeVisible();
  await expect(page.getByRole("listitem").filter({ hasText: "GreetThem@1.1.0" })).toBeVisible();
  await console.isAccessible();
});

test("a second factor is set up, asked for, and taken away", async ({ console, page }) => {
  const { server, owner } = console;
  await server.member(owner, "operator");
  await console.signIn("/account", "operator@example.com");
  await page.getByLabel("Your password").fill(PASSWORD);
  await page.getByRole("button", { name: "Set it up" }).click();
  const seed =
    (await page
      .locator("code")
      .filter({ hasText: /^[A-Z2-7 ]{16,}$/ })
      .textContent()) ?? "";
  await console.isAccessible();
  await page.getByLabel("Code").fill(await code(seed));
  await page.getByRole("button", { name: "Confirm" }).click();
  await expect(page.getByRole("heading", { name: "Recovery codes" })).toBeVisible();
  const recovery = ((await page.locator("pre").textContent()) ?? "").split("\n")[0] ?? "";
  await page.getByRole("button", { name: "Account, colours, sign out" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.getByLabel("Email address").fill("operator@example.com");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByLabel("Code of your authenticator").fill(recovery);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("heading", { name: "Dashboard" })).toBeVisible();
});

/** The code that an authenticator shows (RFC 6238). */
async function code(seed: string): Promise<string> {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...seed.replaceAll(/[^A-Z2-7]/g, "")]
    .map((letter) => letters.indexOf(letter).toString(2).padStart(5, "0"))
    .join("");
  const bytes = Uint8Array.from(bits.match(/.{8}/g) ?? [], (byte) => Number.parseInt(byte, 2));
  const key = await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-1" }, false, ["sign"]);
  const counter = new DataView(new ArrayBuffer(8));
  counter.setBigUint64(0, BigInt(Math.floor(Date.now() / 30_000)));
  const digest = new DataView(await crypto.subtle.sign("HMAC", key, counter.buffer));
  const value = digest.getUint32(digest.getUint8(19) & 15) & 0x7fff_ffff;
  return String(value % 1_000_000).padStart(6, "0");
}
