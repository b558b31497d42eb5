import { expect, test } from "@playwright/test";
import { Console, prepare } from "./console";
import { PASSWORD, Server } from "./server";

test("a server is set up by its link, left, and entered again", async ({ page }) => {
  const server = await Server.start();
  try {
    await prepare(page, server.url);
    const console = new Console(page, server, { cookie: "", csrf: "" });
    await console.open("/");
    await expect(page.getByRole("heading", { name: "Nobody is here yet" })).toBeVisible();
    await page.goto(server.setup);
    await expect(page.getByRole("heading", { name: "Set up this server" })).toBeVisible();
    expect(page.url(), "the code is not left in the address").not.toContain("akao_setup");
    await console.isAccessible();
    await page.getByLabel("Tenant").fill("acme");
    await page.getByLabel("Your name").fill("Ada Lovelace");
    await page.getByLabel("Email address").fill("ada@example.com");
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Set up" }).click();
    await expect(page.getByRole("heading", { name: "Dashboard" })).toBeVisible();

    await page.getByRole("button", { name: "Account, colours, sign out" }).click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
    await console.open("/executions?status=failure");
    await page.getByLabel("Email address").fill("ada@example.com");
    await page.getByLabel("Password").fill("not the password at all");
    await page.getByRole("button", { name: "Sign in" }).click();
    await expect(page.getByRole("alert")).toBeVisible();
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Sign in" }).click();
    await expect(page.getByRole("heading", { name: "Executions" }), "the page that was asked for").toBeVisible();
    await console.open(`/setup#${server.code}`);
    await expect(page.getByRole("heading", { name: "Already set up" })).toBeVisible();
    expect(console.complaints).toEqual([]);
  } finally {
    await server.stop();
  }
});

test("the page has a strict policy, and its files are kept for ever", async ({ request }) => {
  const server = await Server.start();
  try {
    const page = await request.get(`${server.url}/executions/01`, { headers: { accept: "text/html" } });
    const policy = page.headers()["content-security-policy"] ?? "";
    expect(policy).toContain("script-src 'self' 'wasm-unsafe-eval';");
    const script = (await page.text()).match(/src="(\/assets\/[^"]+\.js)"/)?.[1] ?? "";
    const file = await request.get(`${server.url}${script}`);
    expect(file.headers()).toMatchObject({
      "cache-control": "public, max-age=31536000, immutable",
      "content-type": "text/javascript; charset=utf-8",
    });
    expect(file.headers()["content-encoding"]).toMatch(/^(br|gzip)$/);
    expect((await request.get(`${server.url}/assets/none.js`, { headers: { accept: "*/*" } })).status()).toBe(404);
  } finally {
    await server.stop();
  }
});
