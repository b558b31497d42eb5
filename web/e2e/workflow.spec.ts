import { expect, HELLO, test, write } from "./console";

test("a workflow is written with help, published, run and seen in the audit", async ({ console, page }) => {
  await console.signIn("/new-workflow");
  await expect(page.getByText("No problems")).toBeVisible();
  const text = HELLO.replace("id: hello", "id: written");
  await write(page, text.replace("LogMessage", "LogMesage"));
  await expect(page.getByText(/there is no node type `LogMesage`|LogMesage/).first()).toBeVisible();
  await expect(page.getByText("Did you mean `LogMessage`?")).toBeVisible();
  await expect(page.getByRole("button", { name: "Publish" })).toBeDisabled();
  await write(page, text);
  await expect(page.getByText("No problems")).toBeVisible();
  await page.getByRole("button", { name: "Publish" }).click();
  await expect(page.getByRole("heading", { name: "Edit written" })).toBeVisible();
  await page.getByRole("button", { name: "Run" }).click();
  await page.getByLabel("name").fill("Grace");
  await page.getByRole("button", { name: "Run", exact: true }).last().click();
  await expect(page.getByText("Hello, Grace!").first()).toBeVisible();
  await console.open("/audit");
  await expect(page.getByRole("row", { name: /workflow\.saved.*written/ })).toBeVisible();
});

test("names are completed while one types, however quickly", async ({ console, page }) => {
  await console.signIn("/new-workflow");
  // The drawing has keys of its own, and takes none of the editor's.
  await expect(page.locator(".react-flow__node").first()).toBeVisible();
  await write(page, "akao: 1\nid: quick\nversion: 1.0.0\nroot:\n  type: ");
  await page.keyboard.type("LogMess");
  await expect(page.getByRole("option", { name: /^LogMessage/ })).toBeVisible();
  await page.keyboard.press("Enter");
  const lines = page.locator(".view-lines");
  await expect(lines).toContainText("LogMessage");
  // What is typed stands where it was typed, also when the page is busy with the letters before.
  await page.keyboard.press("Enter");
  await page.keyboard.type("name: a name that is typed without a pause between its letterss");
  await page.keyboard.press("Backspace");
  await expect(lines).toContainText("without\u00a0a\u00a0pause\u00a0between\u00a0its\u00a0letters");
  await expect(lines).not.toContainText("letterss");
  await expect(lines).toContainText("akao:\u00a01");
});

test("the whole policy by which a step is tried again stands where the node is shown", async ({ console, page }) => {
  const { server, owner } = console;
  const tries = `akao: 1
id: tries
version: 1.0.0
root:
  type: Retry
  props: { attempts: 2, delayMs: 10, backoff: linear }
  children:
    - id: ask
      type: FailureNode
      retry: { attempts: 4, delay: 20ms, factor: 1.5, max_delay: 1s, on: [connection, timeout] }
      timeout: 30s
`;
  await server.save(owner, "tries", tries);
  await console.signIn("/workflows/tries");
  await page.getByRole("button", { name: "Outline" }).click();
  await page.getByRole("treeitem", { name: /ask/ }).click();
  const node = page.getByRole("region", { name: "Node ask" });
  await expect(node).toContainText("4 at most, the first one counts");
  await expect(node).toContainText("20ms before the second attempt, each further one 1.5 times as long, 1s at most");
  await expect(node).toContainText("connection, timeout");
  await expect(node).toContainText("30s at most, each attempt");
  await page.getByRole("treeitem", { name: /Retry/ }).click();
  await expect(page.getByRole("region", { name: "Node Retry" })).toContainText("each further one 10ms longer");
  await console.isAccessible();
  const id = await server.run(owner, "tries");
  await server.wait(owner, id, "failure");
  await console.open(`/executions/${id}?view=outline&step=/[1]/0`);
  const rules = page.getByRole("region", { name: "Rules of ask" });
  await expect(rules).toContainText("spread by up to a fifth either way");
  await expect(rules).toContainText("connection, timeout");
  await console.isAccessible();
});

test("what somebody else published meanwhile is not overwritten", async ({ console, page }) => {
  const { server, owner } = console;
  await server.save(owner, "shared", HELLO.replace("id: hello", "id: shared"));
  await console.signIn("/workflows/shared/edit");
  await expect(page.getByText("No problems")).toBeVisible();
  const theirs = HELLO.replace("id: hello", "id: shared").replace("1.0.0", "1.1.0").replace("Hello,", "Hi,");
  const known = await fetch(`${server.url}/api/v1/workflows/shared`, { headers: { cookie: owner.cookie } });
  await server.ask(
    owner,
    "POST",
    "/workflows/shared/versions",
    { source: theirs },
    { "if-match": known.headers.get("etag") ?? "" },
  );
  await write(page, HELLO.replace("id: hello", "id: shared").replace("1.0.0", "1.2.0").replace("Hello,", "Good day,"));
  await expect(page.getByText("No problems")).toBeVisible();
  await page.getByRole("button", { name: "Publish" }).click();
  await expect(page.getByText("Somebody published version 1.1.0 meanwhile.")).toBeVisible();
  const both = page.getByRole("region", { name: "From their text to yours" });
  await expect(both).toContainText("Hi,");
  await expect(both).toContainText("Good day,");
  await page.getByRole("button", { name: "Publish mine over theirs" }).click();
  await expect(page.getByText("Version 1.2.0 was saved.")).toBeVisible();
  await console.open("/workflows/shared?tab=difference&from=1.0.0&to=1.2.0");
  await expect(page.getByRole("region", { name: "Lines from 1.0.0 to 1.2.0" })).toContainText("Good day,");
});

test("a draft that is taken up again does not pass for an edit of what was published since", async ({
  console,
  page,
}) => {
  const { server, owner } = console;
  const flow = (version: string, word: string) =>
    HELLO.replace("id: hello", "id: drafted").replace("1.0.0", version).replace("Hello,", word);
  await server.save(owner, "drafted", flow("1.0.0", "Hello,"));
  await console.signIn("/workflows/drafted/edit");
  await expect(page.getByText("No problems")).toBeVisible();
  await write(page, flow("1.2.0", "Good day,"));
  await expect(page.getByText("Not saved")).toBeVisible();
  const known = await fetch(`${server.url}/api/v1/workflows/drafted`, { headers: { cookie: owner.cookie } });
  const tag = { "if-match": known.headers.get("etag") ?? "" };
  await server.ask(owner, "POST", "/workflows/drafted/versions", { source: flow("1.1.0", "Hi,") }, tag);
  await page.reload();
  await expect(page.getByText("Somebody published version 1.1.0 meanwhile.")).toBeVisible();
  const both = page.getByRole("region", { name: "From their text to yours" });
  await expect(both).toContainText("Hi,");
  await expect(both).toContainText("Good day,");
  await console.isAccessible();
  await expect(page.getByRole("button", { name: "Publish", exact: true })).toBeEnabled();
  await page.getByRole("button", { name: "Publish", exact: true }).click();
  await expect(page.getByText("Somebody published version 1.1.0 meanwhile."), "it is refused").toBeVisible();
  const { latest } = await server.ask<{ latest: { version: string } }>(owner, "GET", "/workflows/drafted");
  expect(latest.version).toBe("1.1.0");
  await page.getByRole("button", { name: "Publish mine over theirs" }).click();
  await expect(page.getByText("Version 1.2.0 was saved.")).toBeVisible();
  await page.reload();
  await expect(page.getByText("No problems")).toBeVisible();
  await expect(page.getByText("Not saved"), "nothing is left of the draft").toHaveCount(0);
});

test("what is typed while a text is on its way is not taken for saved", async ({ console, page }) => {
  const { server, owner } = console;
  const flow = (version: string) => HELLO.replace("id: hello", "id: typed-on").replace("1.0.0", version);
  await server.save(owner, "typed-on", flow("1.0.0"));
  await console.signIn("/workflows/typed-on/edit");
  await expect(page.getByText("No problems")).toBeVisible();
  await write(page, flow("1.1.0"));
  let arrive = () => {};
  const held = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  await page.route("**/typed-on/versions", async (route) => {
    await held;
    await route.continue();
  });
  await page.getByRole("button", { name: "Publish" }).click();
  await expect(page.getByRole("button", { name: "Publish" })).toHaveAttribute("aria-busy", "true");
  await write(page, flow("1.2.0"));
  arrive();
  await expect(page.getByText("Version 1.1.0 was saved.")).toBeVisible();
  await expect(page.getByText("Not saved")).toBeVisible();
  await page.reload();
  await expect(page.getByText("This is what you wrote before and did not save.")).toBeVisible();
  await expect(page.locator(".view-lines")).toContainText("1.2.0");
  await page.getByRole("button", { name: "Publish" }).click();
  await expect(page.getByText("Version 1.2.0 was saved.")).toBeVisible();
});

test("the next person at the same browser is given nothing of what the last one wrote", async ({ console, page }) => {
  const { server, owner } = console;
  await server.save(owner, "private", HELLO.replace("id: hello", "id: private"));
  const permissions = ["workflows.read", "workflows.write", "executions.read", "executions.start"];
  await server.ask(owner, "POST", "/roles", { role: "next", permissions });
  await server.member(owner, "next");
  await console.signIn("/workflows/private");
  await page.getByRole("button", { name: "Run" }).click();
  await page.getByLabel("name").fill("a name of mine");
  await page.getByRole("button", { name: "Run", exact: true }).last().click();
  await expect(page.getByText("Hello, a name of mine!").first()).toBeVisible();
  await console.open("/workflows/private/edit");
  await expect(page.getByText("No problems")).toBeVisible();
  await write(page, HELLO.replace("id: hello", "id: private").replace("Hello,", "A draft of mine,"));
  await expect(page.getByText("Not saved")).toBeVisible();

  await page.getByRole("button", { name: "Account, colours, sign out" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  const question = page.getByRole("dialog", { name: "Sign out and drop what is not saved?" });
  await console.isAccessible();
  await question.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
  const left = await page.evaluate(() => JSON.stringify([{ ...sessionStorage }, { ...localStorage }]));
  expect(left).not.toContain("of mine");

  await console.signIn("/workflows/private/edit", "next@example.com");
  await expect(page.getByText("No problems")).toBeVisible();
  await expect(page.getByText("This is what you wrote before")).toHaveCount(0);
  await console.open("/workflows/private");
  await page.getByRole("button", { name: "Run" }).click();
  await expect(page.getByLabel("name")).toHaveValue("world");
  await expect(page.getByText("Same as")).toHaveCount(0);
});

test("whoever may only look is offered nothing else", async ({ console, page }) => {
  const { server, owner } = console;
  await server.save(owner, "looked-at", HELLO.replace("id: hello", "id: looked-at"));
  await server.member(owner, "viewer");
  await console.signIn("/workflows/looked-at", "viewer@example.com");
  await expect(page.getByRole("heading", { name: "looked-at" })).toBeVisible();
  await expect(page.getByRole("button", { name: "Run" })).toHaveCount(0);
  await expect(page.getByRole("link", { name: "Edit" })).toHaveCount(0);
  await expect(page.getByRole("link", { name: "Audit" })).toHaveCount(0);
  await console.open("/members");
  await expect(page.getByRole("heading", { name: "You may not see this" })).toBeVisible();
  await console.open("/workflows/looked-at/edit");
  await expect(page.getByRole("heading", { name: "You may not change workflows" })).toBeVisible();
});
