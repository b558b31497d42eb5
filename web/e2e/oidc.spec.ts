import { test as base, expect, type Page } from "@playwright/test";
import { Console, prepare } from "./console";
import { Provider } from "./provider";
import { Server } from "./server";

/** A server whose people can sign in at Corp. */
const test = base.extend<{ console: Console }>({
  console: async ({ page }, use) => {
    const provider = new Provider();
    const server = await Server.start(({ url }) => provider.start(url));
    try {
      await prepare(page, server.url);
      await use(new Console(page, server, await server.setUp()));
    } finally {
      await server.stop();
      await provider.stop();
    }
  },
});

// A provider and a server are started for each of them.

/** Fills in what the provider asks, and lets it tell who one is. */
async function atCorp(page: Page, person: string): Promise<void> {
  await page.locator('input[name="login"]').fill(person);
  await page.locator('input[name="password"]').fill("any");
  await page.getByRole("button", { name: "Sign-in" }).click();
  await page.getByRole("button", { name: "Continue" }).click();
}

test("whoever the rules of the operator let in signs in by the provider", async ({ console, page }) => {
  await console.open("/sign-in");
  await expect(page.getByRole("button", { name: "Sign in with Corp" })).toBeVisible();
  await console.isAccessible();
  await page.getByRole("button", { name: "Sign in with Corp" }).click();
  await atCorp(page, "grace");
  await console.isBack();
  await console.open("/account");
  await expect(page.getByText("grace@example.com")).toBeVisible();
  await expect(page.getByRole("row", { name: /Corp/ })).toContainText("grace");
  await console.isAccessible();
  expect(console.complaints).toEqual([]);
});

test("whoever is not let in is told so on the page for signing in", async ({ console, page }) => {
  await console.open("/sign-in");
  await page.getByRole("button", { name: "Sign in with Corp" }).click();
  await atCorp(page, "mallory");
  await page.waitForURL(`${console.server.url}/sign-in?refused=forbidden`);
  await console.open("/sign-in?refused=forbidden");
  await expect(page.getByRole("alert")).toContainText("You were not let in.");
  await console.isAccessible();
  // What an address says is a code that the page knows, or nothing that it shows.
  await console.open("/sign-in?refused=call%20this%20number");
  await expect(page.getByRole("alert")).toContainText("The sign-in did not come to its end.");
  await expect(page.getByText("call this number")).toHaveCount(0);
  expect(console.complaints).toEqual([]);
});

test("an identity is linked to an account, leads to it, and is taken away", async ({ console, page }) => {
  await console.signIn("/account");
  await page.getByRole("button", { name: "Link Corp" }).click();
  await atCorp(page, "ada");
  await console.isBack();
  await page.getByRole("button", { name: "Account, colours, sign out" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.getByRole("button", { name: "Sign in with Corp" }).click();
  // The provider knows her still.
  await console.isBack();
  await console.open("/account");
  await expect(page.getByText("ada@example.com")).toBeVisible();
  await page.getByRole("button", { name: "Unlink Corp" }).click();
  await expect(page.getByRole("row", { name: /Corp/ })).toHaveCount(0);
});

test("an invitation is taken by the provider", async ({ console, page, browser }) => {
  const { server, owner } = console;
  const { code } = await server.ask<{ code: string }>(owner, "POST", "/members", {
    email: "grace@example.com",
    role: "editor",
  });
  await console.open(`/join#${code}`);
  await console.isAccessible();
  await page.getByRole("button", { name: "Join with Corp" }).click();
  await atCorp(page, "grace");
  await console.isBack();
  const other = await (await browser.newContext()).newPage();
  await prepare(other, server.url);
  await new Console(other, server, owner).signIn("/members");
  await expect(other.getByRole("row", { name: /grace@example\.com/ })).toBeVisible();
  await other.close();
});
