import type { Page } from "@playwright/test";
import { expect, test, write } from "./console";
import { Repository } from "./server";

test.use({ installs: true });

test("an installed package is found with its version, its health and its nodes", async ({ console, page }) => {
  await console.signIn("/packages");
  const row = page.getByRole("row", { name: /com\.example\.enrich/ });
  await expect(row).toContainText("1.0.0");
  await expect(row).toContainText("installed");
  await expect(row).toContainText("idle");
  await console.isAccessible();
  await page.getByRole("button", { name: "Look at com.example.enrich" }).click();
  const dialog = page.getByRole("dialog", { name: "com.example.enrich" });
  await expect(dialog.getByRole("row", { name: /com\.example\.enrich/ })).toBeVisible();
  await console.isAccessible();
  await dialog.getByRole("button", { name: "Done" }).click();
  await page.getByLabel("Search packages and nodes").fill("no such thing");
  await expect(page.getByText("No package has that in it")).toBeVisible();
  await expect(page).toHaveURL(/text=no/);
  await page.reload();
  await expect(page.getByLabel("Search packages and nodes")).toHaveValue("no such thing");
  await console.open("/environments");
  await page.getByRole("button", { name: "Look at default" }).first().click();
  const environment = page.getByRole("dialog", { name: "default" });
  await expect(environment).toContainText("Akao itself");
  await console.isAccessible();
  await environment.getByRole("button", { name: "Done" }).click();
});

test("a range is completed and checked while one types, by what is installed", async ({ console, page }) => {
  await console.signIn("/new-workflow");
  const text = (type: string) =>
    `akao: 1\nid: ranged\nversion: 1.0.0\nroot:\n  type: ${type}\n  props: { customer: "\${input.id}" }\ninputs: { id: { type: string } }\n`;
  await write(page, text("com.example.enrich@^1"));
  await expect(page.getByText("No problems")).toBeVisible();
  await expect(page.getByRole("button", { name: "Publish" })).toBeEnabled();
  await write(page, text("com.example.enrich@^2"));
  const problems = page.getByRole("region", { name: "Problems" });
  await expect(problems).toContainText("no installed version of `com.example.enrich` is within ^2; there are 1.0.0");
  await expect(problems).toContainText("Ask the operator of the server to install it.");
  await expect(page.getByRole("button", { name: "Publish" })).toBeDisabled();
  await console.isAccessible();
  await write(page, text("com.example.enrich@^1").replace("customer", "costumer"));
  await expect(problems).toContainText("costumer");

  await write(page, "akao: 1\nid: ranged\nversion: 1.0.0\nroot:\n  type: ");
  await page.keyboard.press("ControlOrMeta+End");
  await page.keyboard.type("com.example.enr");
  await expect(page.getByRole("option", { name: /com\.example\.enrich@\^1\.0\.0/ })).toBeVisible();
  await page.keyboard.type("ich@");
  await expect(page.getByRole("option", { name: /com\.example\.enrich@\^1\.0\.0/ })).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(page.locator(".view-lines")).toContainText("com.example.enrich@^1.0.0");
  await expect(problems, "what the version that is meant needs").toContainText("customer");
  await write(page, text("com.example.enrich@^1.0.0"));
  await expect(page.getByText("No problems")).toBeVisible();
  await page.getByRole("button", { name: "Publish" }).click();
  await expect(page.getByRole("heading", { name: "Edit ranged" })).toBeVisible();

  // What was saved is drawn, with the name as it was written.
  await console.open("/workflows/ranged");
  await expect(page.getByText("com.example.enrich@^1.0.0").first()).toBeVisible();

  // The catalogue says where the node comes from, how that is, and who uses it.
  await console.open("/node-types?type=com.example.enrich");
  await expect(page.getByRole("link", { name: "com.example.enrich", exact: true })).toBeVisible();
  await expect(page.getByText("Nothing of it runs now; it is started when a step needs it.")).toBeVisible();
  await page.getByRole("button", { name: "Look for workflows that use it" }).click();
  await expect(page.getByRole("link", { name: "ranged" })).toBeVisible();
  await console.isAccessible();
  await page.getByRole("link", { name: /^HttpRequest/ }).click();
  await expect(page.getByText("No workflow uses it.")).toBeVisible();
});

test("the operator installs, updates, disables and enables a package, and the audit knows", async ({
  console,
  page,
}) => {
  test.setTimeout(120_000);
  const repository = await Repository.make(console.server.folder);
  await repository.publish("1.0.0", ["api.example.com:443"]);
  await console.signIn("/packages");

  await page.getByRole("button", { name: "Install a package" }).click();
  const find = page.getByRole("dialog", { name: "Install a package" });
  await find.getByLabel("What it does, or its id").fill("lookup");
  await page.keyboard.press("Enter");
  await expect(find.getByRole("row", { name: /com\.example\.lookup/ })).toContainText("1.0.0");
  await console.isAccessible();
  await find.getByRole("button", { name: "Install com.example.lookup" }).click();

  const install = page.getByRole("dialog", { name: "Install com.example.lookup" });
  await expect(install.getByText("network.http=api.example.com:443").first()).toBeVisible();
  await expect(install.getByText(/holds, by the key/)).toBeVisible();
  await expect(install.getByText(/it is new/)).toBeVisible();
  await console.isAccessible();
  await install.getByRole("checkbox", { name: /api\.example\.com/ }).press("Space");
  await install.getByRole("button", { name: "Agree and install" }).press("Enter");
  const row = page.getByRole("row", { name: /com\.example\.lookup/ });
  await expect(row).toContainText("1.0.0");
  // To install is a look at the kill lists too.
  const known = page.getByRole("region", { name: "Repositories" }).getByRole("row", { name: /own/ });
  await expect(known).toContainText("com.example");
  await expect(known.getByRole("time")).toBeVisible();

  // What an update may do more stands out, and is not granted by itself.
  await repository.publish("1.1.0", ["api.example.com:443", "files.example.com:443"]);
  await page.getByRole("button", { name: "Look for updates" }).click();
  const update = page.getByRole("dialog", { name: "Update packages" });
  const changes = update.getByRole("list", { name: "What changes in com.example.lookup" });
  await expect(changes.getByRole("listitem").filter({ hasText: "files.example.com:443" })).toContainText("may do more");
  await expect(update.getByRole("checkbox", { name: /files\.example\.com/ })).not.toBeChecked();
  await console.isAccessible();
  await update.getByRole("button", { name: "Agree and update" }).click();
  await expect(row).toContainText("1.1.0");

  await row.getByRole("button", { name: "Disable com.example.lookup" }).click();
  const disable = page.getByRole("dialog", { name: "Disable com.example.lookup" });
  await disable.getByLabel("Why").fill("it is slow");
  await console.isAccessible();
  await disable.getByRole("button", { name: "Disable it" }).click();
  await expect(row).toContainText("disabled");
  await row.getByRole("button", { name: "Enable com.example.lookup" }).click();
  await expect(row).toContainText("installed");

  // The editor and the catalogue know its node.
  await console.open("/node-types?type=com.example.lookup");
  await expect(page.getByRole("heading", { name: "com.example.lookup" })).toBeVisible();

  await console.open("/packages");
  await row.getByRole("button", { name: "Uninstall com.example.lookup" }).click();
  await page.getByRole("button", { name: "Uninstall it" }).click();
  await expect(row).toBeHidden();
  await console.open("/audit");
  for (const what of ["installed", "updated", "disabled", "enabled", "uninstalled"]) {
    await expect(page.getByText(`package.${what}`).first()).toBeVisible();
  }
  await repository.remove();
});

/** Looks for a package, and opens its plan by a button of what was found. */
async function openPlan(page: Page, id: string, button: string) {
  await page.getByRole("button", { name: "Install a package" }).click();
  const find = page.getByRole("dialog", { name: "Install a package" });
  await find.getByLabel("What it does, or its id").fill(id);
  await page.keyboard.press("Enter");
  await find.getByRole("button", { name: `${button} ${id}`, exact: true }).click();
  return page.getByRole("dialog", { name: `Install ${id}` });
}

test("what was not granted at first is granted to the installed package later", async ({ console, page }) => {
  test.setTimeout(120_000);
  const repository = await Repository.make(console.server.folder, "com.example.given");
  await repository.publish("1.0.0", ["api.example.com:443"]);
  await console.signIn("/packages");
  const install = await openPlan(page, repository.id, "Install");
  await install.getByRole("button", { name: "Agree and install" }).click();
  await expect(page.getByRole("row", { name: /com\.example\.given/ })).toContainText("1.0.0");

  // Nothing of it would be written but what is granted, and without that there is nothing to do.
  const plan = await openPlan(page, repository.id, "Look at");
  const grant = plan.getByRole("button", { name: "Grant", exact: true });
  await expect(grant).toBeDisabled();
  await console.isAccessible();
  await plan.getByRole("checkbox", { name: /api\.example\.com/ }).press("Space");
  await grant.click();
  await expect(page.getByText(/com\.example\.given 1\.0\.0 .*network\.http=api\.example\.com:443/)).toBeVisible();
  await expect(plan).toBeHidden();

  const after = await openPlan(page, repository.id, "Look at");
  await expect(after.getByText("There is nothing to do.")).toBeVisible();
  await after.getByRole("button", { name: "Done" }).click();
  await repository.remove();
});

test("the key of a package that is installed already is agreed to and recorded", async ({ console, page }) => {
  test.setTimeout(120_000);
  const repository = await Repository.make(console.server.folder, "com.example.signed");
  await repository.publish("1.0.0", ["api.example.com:443"]);
  await repository.installFolder();
  await console.signIn("/packages");
  const plan = await openPlan(page, repository.id, "Look at");
  await expect(plan.getByText(/holds, by the key/)).toBeVisible();
  await expect(plan.getByRole("checkbox"), "all of it was granted").toHaveCount(0);
  await console.isAccessible();
  await plan.getByRole("button", { name: "Agree", exact: true }).click();
  await expect(plan).toBeHidden();
  await expect(page.getByText(/com\.example\.signed 1\.0\.0 is installed/)).toBeVisible();

  const after = await openPlan(page, repository.id, "Look at");
  await expect(after.getByText("There is nothing to do.")).toBeVisible();
  await after.getByRole("button", { name: "Done" }).click();
  await repository.remove();
});

test("whoever does not look after the server sees packages and changes none", async ({ console, page }) => {
  await console.server.member(console.owner, "admin");
  await console.signIn("/packages", "admin@example.com");
  const row = page.getByRole("row", { name: /com\.example\.enrich/ });
  await expect(row.getByRole("button")).toHaveCount(1);
  await expect(page.getByRole("button", { name: "Install a package" })).toBeHidden();
  await expect(page.getByRole("button", { name: "Look for updates" })).toBeHidden();
  await expect(page.getByRole("heading", { name: "Repositories" })).toBeHidden();
});
