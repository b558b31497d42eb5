import { expect, HELLO, test } from "./console";
import { PASSWORD } from "./server";

test("everything is done by keys alone: signing in, finding, running, looking, forking", async ({ console, page }) => {
  const { server, owner } = console;
  await server.save(owner, "by-keys", HELLO.replace("id: hello", "id: by-keys"));
  await console.open("/sign-in");
  await expect(page.getByLabel("Email address")).toBeFocused();
  const keys = page.keyboard;
  await keys.type("ada@example.com");
  await keys.press("Tab");
  await keys.type(PASSWORD);
  await keys.press("Enter");
  await expect(page.getByRole("heading", { name: "Dashboard" })).toBeVisible();

  /** Goes on by Tab until something has the focus. */
  const tabTo = async (what: import("@playwright/test").Locator, key = "Tab") => {
    for (let presses = 0; presses < 80; presses += 1) {
      if (await what.evaluate((element) => element === document.activeElement).catch(() => false)) return;
      await keys.press(key);
    }
    await expect(what).toBeFocused();
  };
  await tabTo(page.getByRole("link", { name: "Workflows" }), "Shift+Tab");
  await keys.press("Enter");
  await expect(page.getByRole("heading", { name: "Workflows" })).toBeFocused();
  await tabTo(page.getByRole("button", { name: "Run by-keys" }));
  await keys.press("Enter");
  await expect(page.getByRole("dialog", { name: "Run by-keys" })).toBeVisible();
  await tabTo(page.getByLabel("name"));
  await keys.press("ControlOrMeta+a");
  await keys.type("Grace");
  await keys.press("Enter");
  await expect(page.getByText("Hello, Grace!").first()).toBeVisible();

  await tabTo(page.getByRole("button", { name: "Outline" }));
  await keys.press("Enter");
  await tabTo(page.getByRole("tree"));
  await keys.press("ArrowDown");
  await keys.press("ArrowDown");
  const panel = page.getByRole("region", { name: /Step greet/ });
  await expect(panel).toBeVisible();
  await tabTo(panel.getByRole("button", { name: "Fork from here" }));
  await keys.press("Enter");
  await expect(page.getByRole("dialog")).toBeVisible();
  await keys.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await tabTo(page.getByRole("button", { name: "Drawing" }), "Shift+Tab");
  await keys.press("Enter");
  await tabTo(page.getByRole("group", { name: /Drawing of/ }));
  await keys.press("ArrowDown");
  await expect(page.getByRole("region", { name: /Step say/ })).toBeVisible();
});
