import { expect, prepare, test } from "./console";
import { PASSWORD } from "./server";

test("a role is made, changed, given to a team, and cannot be removed while a team has it", async ({
  console,
  page,
}) => {
  const { server, owner } = console;
  await server.member(owner, "editor");
  await console.signIn("/roles");
  await page.getByRole("button", { name: "New role" }).click();
  await page.getByLabel("Name", { exact: true }).fill("release-manager");
  await page.getByLabel("Title").fill("Release manager");
  await page.getByLabel("executions.read").check();
  await page.getByLabel("tasks.complete").check();
  await console.isAccessible();
  await page.getByRole("button", { name: "Make it" }).click();
  const own = page.getByRole("region", { name: "Roles of this tenant's own" });
  await expect(own.getByRole("row", { name: /Release manager/ })).toContainText("2");
  await expect(page.getByRole("columnheader", { name: /Release manager/ })).toBeVisible();
  await console.isAccessible();
  await page.getByRole("button", { name: "Change release-manager" }).click();
  await page.getByLabel("executions.start").check();
  await page.getByRole("button", { name: "Change", exact: true }).click();
  await expect(own.getByRole("row", { name: /Release manager/ })).toContainText("3");

  await console.open("/teams");
  await page.getByRole("button", { name: "New team" }).click();
  await page.getByLabel("Name").fill("releases");
  await page.getByLabel("Role").selectOption("release-manager");
  await console.isAccessible();
  await page.getByRole("button", { name: "Make it" }).click();
  const row = page.getByRole("row", { name: /releases/ });
  await expect(row).toContainText("release-manager");
  await page.getByRole("button", { name: "Members of releases" }).click();
  await page.getByLabel("The editor").click();
  await expect(page.getByText("The editor is in releases.")).toBeVisible();
  await console.isAccessible();
  await page.getByRole("button", { name: "Done" }).click();
  await expect(row).toContainText("1");
  const { permissions } = await server.ask<{ permissions: string[] }>(
    await server.signIn("editor@example.com"),
    "GET",
    "/me",
  );
  expect(permissions, "of the role of the team").toContain("tasks.complete");
  await page.getByRole("button", { name: "Change releases" }).click();
  await page.getByLabel("Title").fill("Who releases");
  await page.getByRole("button", { name: "Change", exact: true }).click();
  await expect(row).toContainText("Who releases");

  await console.open("/roles");
  await page.getByRole("button", { name: "Remove release-manager" }).click();
  await page.getByRole("button", { name: "Remove", exact: true }).click();
  await expect(page.getByRole("alert")).toBeVisible();
  await page.getByRole("button", { name: "Keep" }).click();
  await console.open("/teams");
  await page.getByRole("button", { name: "Remove releases" }).click();
  await page.getByRole("button", { name: "Remove", exact: true }).click();
  await expect(row).toHaveCount(0);
  await console.open("/roles");
  await page.getByRole("button", { name: "Remove release-manager" }).click();
  await page.getByRole("button", { name: "Remove", exact: true }).click();
  await expect(own.getByText("release-manager")).toHaveCount(0);
});

test("a program becomes a member and gets a token", async ({ console, page }) => {
  await console.signIn("/members");
  await page.getByRole("button", { name: "Add a program" }).click();
  await page.getByLabel("Name").fill("deployment");
  await page.getByLabel("Role", { exact: true }).selectOption("operator");
  await console.isAccessible();
  await page.getByRole("button", { name: "Add it" }).click();
  await expect(page.getByRole("row", { name: /deployment/ })).toContainText("Program");
  await page.getByRole("button", { name: "Make a token of deployment" }).click();
  await page.getByLabel("Name").fill("of the build");
  await page.getByRole("button", { name: "Make it" }).click();
  const secret = (await page.getByText(/^akao_token_/).textContent()) ?? "";
  await console.isAccessible();
  await page.getByRole("button", { name: "Done" }).click();
  const told = await fetch(`${console.server.url}/api/v1/me`, { headers: { authorization: `Bearer ${secret}` } });
  expect(await told.json()).toMatchObject({ name: "deployment", role: "operator" });
});

test("a tenant is made with a quota, which its owner sees; a lost password is chosen anew", async ({
  console,
  page,
  browser,
}) => {
  test.setTimeout(90_000);
  await console.signIn("/quotas");
  await expect(page.getByRole("row", { name: /Steps at once/ })).toContainText("no bound");
  await console.isAccessible();
  await console.open("/tenants");
  await page.getByRole("button", { name: "New tenant" }).click();
  await page.getByLabel("Tenant", { exact: true }).fill("umbrella");
  await page.getByLabel("Email address of its owner").fill("carol@example.com");
  await page.getByLabel("Tier").selectOption("basic");
  await console.isAccessible();
  await page.getByRole("button", { name: "Make it" }).click();
  const link = (await page.getByText(/\/join#/).textContent()) ?? "";
  await page.getByRole("button", { name: "Done" }).click();
  await page.getByRole("button", { name: "Quota of umbrella" }).click();
  await page.getByLabel("Executions at once of its own").check();
  await page.getByLabel("Executions at once (executions)").fill("12");
  await console.isAccessible();
  await page.getByRole("button", { name: "Set it" }).click();
  await expect(page.getByText("The quota of umbrella counts from now on.")).toBeVisible();
  await console.isAccessible();

  const other = await (await browser.newContext()).newPage();
  await prepare(other, console.server.url);
  await other.goto(link);
  await other.getByLabel("Your name").fill("Carol Shaw");
  await other.getByLabel("Password").fill(PASSWORD);
  await other.getByRole("button", { name: "Join", exact: true }).click();
  await expect(other.getByRole("heading", { name: "Dashboard" })).toBeVisible();
  await expect(other.getByRole("link", { name: "Tenants" }), "she looks after no server").toHaveCount(0);
  await other.getByRole("link", { name: "Quotas" }).click();
  await expect(other.getByRole("row", { name: /Executions at once/ })).toContainText("12");
  await expect(other.getByRole("row", { name: /Memory/ })).toContainText("2 GB");

  await page.getByRole("button", { name: "Give a new password" }).click();
  await page.getByLabel("Email address").fill("carol@example.com");
  await page.getByRole("button", { name: "Give a link" }).click();
  const reset = (await page.getByText(/\/reset#/).textContent()) ?? "";
  await other.goto(reset);
  await other.getByLabel("New password").fill("yet another few words to remember");
  await other.getByRole("button", { name: "Choose it" }).click();
  await other.getByLabel("Email address").fill("carol@example.com");
  await other.getByLabel("Password").fill("yet another few words to remember");
  await other.getByRole("button", { name: "Sign in", exact: true }).click();
  await expect(other.getByRole("heading", { name: "Dashboard" })).toBeVisible();

  // Its end: nobody gets in any more, and it goes from the list by itself.
  await page.getByRole("button", { name: "Done" }).click();
  const row = page.getByRole("row", { name: /umbrella/ });
  await page.getByRole("button", { name: "Delete umbrella" }).click();
  const act = page.getByRole("button", { name: "Delete it" });
  await expect(act, "the name is not there yet").toBeDisabled();
  await page.getByLabel("Its name once more").fill("umbrella");
  await console.isAccessible();
  await act.click();
  await expect(page.getByText("umbrella is being deleted.")).toBeAttached();
  await expect(row).toHaveCount(0);
  await other.reload();
  await expect(other.getByRole("button", { name: "Sign in", exact: true })).toBeVisible();
  await other.close();
  await console.open("/audit");
  await expect(page.getByText("tenant.deletion_decided").first()).toBeVisible();
});

test("whoever belongs to two tenants goes from one to the other, and back", async ({ console, page, browser }) => {
  const { server, owner } = console;
  // Somebody of their own, as whoever belongs to two tenants has to name one ever after.
  await server.ask(owner, "POST", "/roles", { role: "traveller", permissions: ["executions.read"] });
  await server.member(owner, "traveller");
  const { code } = await server.ask<{ code: string }>(owner, "POST", "/tenants", {
    tenant: "initech",
    owner: "traveller@example.com",
  });
  const other = await (await browser.newContext()).newPage();
  await prepare(other, server.url);
  await other.goto(`${server.url}/join#${code}`);
  await other.getByLabel("Password").fill(PASSWORD);
  await other.getByRole("button", { name: "Join", exact: true }).click();
  await expect(other.getByRole("heading", { name: "Dashboard" })).toBeVisible();
  await other.close();

  await console.open("/sign-in?tenant=acme");
  await page.getByLabel("Email address").fill("traveller@example.com");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await expect(page.getByText("What goes on in Acme")).toBeVisible();
  await page.getByRole("button", { name: "Account, tenants, colours, sign out" }).click();
  await page.getByRole("menuitem", { name: "Go to initech" }).click();
  await expect(page.getByRole("heading", { name: "Sign in to initech" })).toBeVisible();
  await expect(page.getByLabel("Email address")).toHaveValue("traveller@example.com");
  await expect(page.getByLabel("Tenant")).toHaveValue("initech");
  await console.isAccessible();
  await page.getByRole("link", { name: "Stay in Acme" }).click();
  await expect(page.getByText("What goes on in Acme")).toBeVisible();
  await console.open("/account");
  await expect(page.getByRole("heading", { name: "Account" })).toBeVisible();
  await console.isAccessible();
  await page.getByRole("link", { name: "initech", exact: true }).click();
  await expect(page.getByLabel("Password")).toBeFocused();
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await expect(page.getByText("What goes on in initech")).toBeVisible();
  await page.getByRole("button", { name: "Account, tenants, colours, sign out" }).click();
  await expect(page.getByRole("menuitem", { name: "Go to acme" })).toBeVisible();
});
