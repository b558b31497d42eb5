import { createHmac } from "node:crypto";
import { expect, HELLO, test } from "./console";
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
  test.setTimeout(60_000);
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
