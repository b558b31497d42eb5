import { ASKS, automate, expect, HELLO, test, WAITS } from "./console";

/** Every page, with what must stand on it before it is looked at. */
async function addresses(ready: { server: import("./server").Server; owner: import("./server").Asker }) {
  const { server, owner } = ready;
  await server.save(owner, "hello", HELLO).catch(() => {});
  await server.save(owner, "waits", WAITS).catch(() => {});
  await server.save(owner, "release", ASKS).catch(() => {});
  const done = await server.run(owner, "hello");
  const other = await server.run(owner, "hello", { input: { name: "Ada" } });
  const waits = await server.run(owner, "waits");
  const asks = await server.run(owner, "release");
  await server.wait(owner, done, "success");
  await server.wait(owner, waits, "waiting");
  await server.wait(owner, asks, "waiting");
  await server.ask(owner, "POST", "/tokens", { name: "a program" });
  await server.ask(owner, "PUT", "/secrets/mail_password", { value: "not shown" });
  await automate(server, owner);
  const { items } = await server.ask<{ items: Array<{ task: string }> }>(owner, "GET", "/tasks?status=open");
  const task = items[0]?.task ?? "";
  return [
    ["/", "Latest"],
    ["/executions", "hello"],
    [`/executions/${waits}`, "Needs attention"],
    [`/executions/${waits}?view=outline&step=/1`, "Waits for"],
    [`/executions/${done}?view=timeline`, "steps"],
    [`/executions/${done}?view=logs`, "lines"],
    [`/executions/${done}?view=values`, "Blackboard"],
    [`/compare?left=${done}&right=${other}`, "What differs"],
    ["/workflows", "hello"],
    ["/workflows/hello", "Drawing"],
    ["/workflows/hello?tab=versions", "sha256:"],
    ["/workflows/hello/edit", "No problems"],
    ["/node-types?type=HttpRequest", "How it fails"],
    ["/tasks", "Release 2.0"],
    [`/tasks/${encodeURIComponent(task)}`, "Approve"],
    ["/members", "ada@example.com"],
    ["/teams", "There is no team"],
    ["/roles", "executions.steer"],
    ["/quotas", "Executions at once"],
    ["/tenants", "Of this whole server"],
    ["/packages", "No package is installed"],
    ["/environments", "default"],
    ["/custom-nodes", "Review"],
    ["/schedules", "nightly greeting"],
    ["/hooks", "orders of the shop"],
    ["/webhooks", "failures to the chat"],
    ["/tokens", "a program"],
    ["/secrets", "mail_password"],
    ["/audit", "workflow.saved"],
    ["/account", "Change the password"],
  ] as const;
}

for (const colours of ["light", "dark"] as const) {
  // The colours are held against each other in both; the usual suite has time for one.
  const when = colours === "dark" ? " @nightly" : "";
  test(`axe finds nothing on any page, ${colours}${when}`, async ({ console, page, ready }) => {
    test.setTimeout(240_000);
    await page.emulateMedia({ colorScheme: colours, reducedMotion: "reduce" });
    await console.signIn();
    for (const [path, words] of await addresses(ready)) {
      await console.open(path);
      await expect(page.getByText(words).first(), path).toBeVisible();
      await console.isAccessible();
    }
  });
}

test("no page is wider than a telephone, and axe finds nothing there @nightly", async ({ console, page, ready }) => {
  test.setTimeout(240_000);
  await page.setViewportSize({ width: 390, height: 844 });
  await console.signIn();
  for (const [path, words] of await addresses(ready)) {
    await console.open(path);
    await expect(page.getByText(words).first(), path).toBeVisible();
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    expect.soft(wide, path).toBeLessThanOrEqual(390);
    await console.isAccessible();
  }
  await page.getByRole("button", { name: "Menu" }).click();
  await page.getByRole("dialog", { name: "Menu" }).getByRole("link", { name: "Workflows" }).click();
  await expect(page.getByRole("heading", { name: "Workflows" })).toBeVisible();
});

test("a page that cannot reach the server says so, and comes back by itself", async ({ console, page }) => {
  await console.signIn("/roles");
  // Pages are loaded ahead, when there is time.
  await page.waitForFunction(() =>
    performance.getEntriesByType("resource").some(({ name }) => /assets\/Compare/.test(name)),
  );
  console.server.line.cut();
  // This page asks once and not again by itself: what is pressed here stays where it is.
  await page.getByRole("link", { name: "Members" }).click();
  const gone = page.getByRole("heading", { name: "The server cannot be reached" });
  await expect(gone).toBeVisible();
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(gone).toBeVisible();
  console.server.line.mend();
  await expect(page.getByRole("row", { name: /ada@example\.com/ })).toBeVisible();
  await expect(gone).toBeHidden();
});

test("axe finds nothing in the dialogs, and each leads back to where it was opened", async ({
  console,
  page,
  ready,
}) => {
  test.setTimeout(180_000);
  await page.emulateMedia({ reducedMotion: "reduce" });
  await console.signIn();
  const found = await addresses(ready);
  const waits = found.find(([, words]) => words === "Needs attention")?.[0] ?? "";
  for (const [path, button] of [
    ["/workflows", "Run hello"],
    ["/members", "Invite"],
    ["/tokens", "Make a token"],
    ["/secrets", "New secret"],
    ["/members", "Add a program"],
    ["/roles", "New role"],
    ["/teams", "New team"],
    ["/tenants", "New tenant"],
    ["/tenants", "Give a new password"],
    ["/schedules", "New schedule"],
    ["/hooks", "New hook"],
    ["/webhooks", "New webhook"],
    ["/custom-nodes", "Upload a node"],
    [waits, "Signal"],
    [waits, "Cancel"],
    [`${waits}?view=outline&step=/1`, "Fork from here"],
    [`${waits}?view=outline&step=/1`, "Break when…"],
  ] as const) {
    await console.open(path);
    const opener = page.getByRole("button", { name: button, exact: true });
    await opener.click();
    await expect(page.getByRole("dialog"), button).toBeVisible();
    await console.isAccessible();
    await page.keyboard.press("Escape");
    await expect(page.getByRole("dialog"), button).toHaveCount(0);
    await expect(opener, button).toBeFocused();
  }
});

test("the dashboard says of what its figures are, and how the machine shuts in what it runs", async ({
  console,
  page,
}) => {
  const { server, owner } = console;
  await server.save(owner, "often", HELLO.replace("id: hello", "id: often"));
  await server.wait(owner, await server.run(owner, "often"), "success");
  await page.route("**/api/v1/runners", (route) => route.fulfill({ status: 404, json: { status: 404 } }));
  await console.signIn("/");
  const workflows = page.getByRole("table", { name: "Workflows of the last 24 hours" });
  await expect(workflows.getByRole("row", { name: /often/ })).toContainText("0.0");
  await expect(page.getByText(/Of the latest 200/)).toHaveCount(0);
  await expect(page.getByRole("list", { name: "Sandbox of each runner" }), "a server that does not tell").toHaveCount(
    0,
  );

  // More than are read, all of them within a moment.
  const { items } = await server.ask<{ items: object[] }>(owner, "GET", "/executions?workflow=often");
  await page.route(/\/api\/v1\/executions\?since=/, (route) =>
    route.fulfill({
      json: {
        items: Array.from({ length: 200 }, (_, index) => ({
          ...items[0],
          execution: `one-${index}`,
          started_at: new Date(Date.now() - 1_000).toISOString(),
        })),
        next: "more",
      },
    }),
  );
  await page.route("**/api/v1/executions/one-*/steps?*", (route) => {
    const began = new Date(Date.now() - 1_000).toISOString();
    const step = { type: "SetVariable", status: "success", duration_ms: 0, started_at: began };
    return route.fulfill({ json: { items: [step], next: null } });
  });
  await page.route("**/api/v1/runners", (route) =>
    route.fulfill({
      json: {
        items: [
          {
            id: "local",
            state: "ready",
            version: "0.1.0",
            isolation: "T0",
            tenant: { cpu_millis: 4_000, memory_bytes: 8e9, steps: { running: 1, max: 8 } },
            server: null,
          },
        ],
      },
    }),
  );
  await page.reload();
  await expect(page.getByRole("link", { name: /^Executions 200\+/ })).toBeVisible();
  await expect(workflows.getByRole("row", { name: /often/ })).toContainText("200+");
  await expect(page.getByText(/Of the latest 200 executions/).first()).toBeVisible();
  await expect(page.getByRole("img", { name: /^the latest 200 executions, since/ })).toBeVisible();
  const types = page.getByRole("table", { name: "Node types of the latest executions" });
  await expect(types.getByRole("row", { name: /SetVariable/ })).toContainText("12+");
  const sandbox = page.getByRole("list", { name: "Sandbox of each runner" });
  await expect(sandbox).toContainText("local ready, 1 of 8 steps, 4 processors, 8 GB for this tenant, 0.1.0");
  await expect(sandbox).toContainText("Tier T0");
  await console.isAccessible();
});

test("an address at which nothing is leaves the menu where it was", async ({ console, page }) => {
  await console.signIn("/no/such/page");
  await expect(page.getByRole("heading", { name: "There is no such page", level: 1 })).toBeVisible();
  await console.isAccessible();
  await page.getByRole("link", { name: "Workflows" }).click();
  await expect(page.getByRole("heading", { name: "Workflows", level: 1 })).toBeVisible();
});

test("what is searched for and chosen stands in the address, and nowhere else", async ({ console, page }) => {
  const { server, owner } = console;
  await server.save(owner, "searched", HELLO.replace("id: hello", "id: searched"));
  await server.wait(owner, await server.run(owner, "searched"), "success");
  await console.signIn("/executions");
  const search = page.getByLabel("Workflow or execution");
  await search.fill("no such execution");
  await page.getByRole("link", { name: "Show all executions" }).click();
  await expect(search).toHaveValue("");
  await search.fill("no such execution");
  await expect(page).toHaveURL(/text=no/);
  await page.getByRole("link", { name: "Executions", exact: true }).click();
  await expect(search).toHaveValue("");
  await expect(page.getByRole("link", { name: "searched" }).first()).toBeVisible();

  for (const [path, label, typed] of [
    ["/node-types", "Search node types", "HttpReq"],
    ["/workflows", "Search workflows", "searched"],
    ["/audit", "Search the lines shown", "workflow.saved"],
  ] as const) {
    await console.open(path);
    await page.getByLabel(label).fill(typed);
    await expect(page, path).toHaveURL(new RegExp(`text=${typed}`));
    await page.reload();
    await expect(page.getByLabel(label), path).toHaveValue(typed);
  }
  await console.open("/node-types?text=HttpReq");
  await page.getByRole("link", { name: /^HttpRequest/ }).click();
  await expect(page.getByLabel("Search node types")).toHaveValue("HttpReq");

  await console.open("/tasks");
  await page.getByRole("button", { name: "Assigned to me" }).click();
  await expect(page).toHaveURL(/which=mine/);
  await page.reload();
  await expect(page.getByRole("button", { name: "Assigned to me" })).toHaveAttribute("aria-pressed", "true");
  await expect(page.getByText("Nothing is assigned to you")).toBeVisible();
});

test("what somebody may not do is not offered on a page that is opened all the same", async ({ console, page }) => {
  const { server, owner } = console;
  await server.ask(owner, "POST", "/roles", { role: "narrow", permissions: ["executions.read"] });
  await server.member(owner, "narrow");
  await console.signIn("/audit", "narrow@example.com");
  await expect(page.getByRole("heading", { name: "You may not see this" })).toBeVisible();
  await expect(page.getByText(/audit\.read/)).toBeVisible();
  await expect(page.getByRole("button", { name: "Verify the chain" })).toHaveCount(0);
  await console.isAccessible();
  await console.open("/tokens");
  await expect(page.getByRole("heading", { name: "You may not see this" })).toBeVisible();
  await expect(page.getByRole("button", { name: "Make a token" })).toHaveCount(0);
});
