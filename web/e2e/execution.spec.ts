import { expect, HELLO, test, WAITS } from "./console";

test.beforeAll(async ({ ready: { server, owner } }) => {
  // Other files may have been on this server before.
  await server.save(owner, "hello", HELLO).catch(() => {});
  await server.save(owner, "waits", WAITS).catch(() => {});
});

test("what happens is seen at once, also after the connection was cut", async ({ console, page }) => {
  const { server, owner } = console;
  const id = await server.run(owner, "waits");
  await console.signIn(`/executions/${id}`);
  const states = page.getByRole("banner").or(page.locator("header")).first();
  await expect(states.getByText("Waiting", { exact: true })).toBeVisible();
  await page.getByRole("button", { name: "Outline" }).click();
  const gate = page.getByRole("treeitem", { name: /^gate WaitForSignal/ });
  await expect(gate).toContainText("Waiting");

  server.line.cut();
  await expect(page.getByText("Connection lost, comes back")).toBeVisible();
  server.line.mend();
  await expect(page.getByText("Connection lost, comes back")).toBeHidden();
  const sent = Date.now();
  await server.ask(owner, "POST", `/executions/${id}/signal`, { name: "go" });
  await expect(gate).toContainText("Succeeded");
  expect(Date.now() - sent, "nothing asks again by itself: it came by the stream").toBeLessThan(10_000);
  await expect(states.getByText("Succeeded", { exact: true })).toBeVisible();
  await page.getByRole("button", { name: "Timeline" }).click();
  const rows = page.getByRole("listbox", { name: /Steps/ }).getByRole("option");
  await expect(rows, "no step is doubled by the second connection").toHaveCount(4);
  await page.getByRole("button", { name: "Logs" }).click();
  await expect(page.getByText("behind the gate")).toHaveCount(1);
  await page.getByLabel("Search logs").fill("before");
  await expect(page.getByText("behind the gate")).toHaveCount(0);
});

test("an execution is paused, gone on with, signalled and cancelled", async ({ console, page }) => {
  const { server, owner } = console;
  const id = await server.run(owner, "waits");
  await console.signIn(`/executions/${id}`);
  await page.getByRole("button", { name: "Pause" }).click();
  await expect(page.getByRole("button", { name: "Resume" })).toBeVisible();
  await server.wait(owner, id, "paused");
  await page.getByRole("button", { name: "Resume" }).click();
  await expect(page.getByRole("button", { name: "Pause" })).toBeVisible();
  await page.getByRole("button", { name: "Signal" }).click();
  await expect(page.getByLabel("Name"), "the name that is waited for").toHaveValue("go");
  await page.getByLabel("What it carries").fill("{");
  await page.getByRole("button", { name: "Send" }).click();
  await expect(page.getByText("This is not JSON.")).toBeVisible();
  await page.getByRole("button", { name: "Close", exact: true }).first().click();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByLabel("Reason").fill("not needed any more");
  await page.getByRole("button", { name: "Cancel it" }).click();
  await server.wait(owner, id, "cancelled");
  await expect(page.getByRole("button", { name: "Run again" })).toBeVisible();
  await console.open("/audit");
  await expect(page.getByText("execution.cancelled").first()).toBeVisible();
  await page.getByRole("button", { name: "Verify the chain" }).click();
  await expect(page.getByText(/The chain of \d+ lines is whole/)).toBeVisible();

  await console.open(`/executions/${id}`);
  await page.getByRole("button", { name: "Remove" }).click();
  await console.isAccessible();
  await page.getByRole("button", { name: "Remove it" }).click();
  await expect(page.getByRole("heading", { name: "Executions" })).toBeVisible();
  const { items } = await server.ask<{ items: Array<{ execution: string }> }>(owner, "GET", "/executions");
  expect(items.map(({ execution }) => execution)).not.toContain(id);
});

test("an execution is stopped, changed and stepped through, and looked at as it was", async ({ console, page }) => {
  const { server, owner } = console;
  const id = await server.run(owner, "hello", { breakpoints: [{ at: "say" }] });
  await server.wait(owner, id, "paused");
  await console.signIn(`/executions/${id}?view=values`);
  await expect(page.getByText("Hello, world!").first()).toBeVisible();
  await page.getByLabel("Change the value").fill("bb.greeting");
  await page.getByLabel("to", { exact: true }).fill('"Good day!"');
  await page.getByRole("button", { name: "Change", exact: true }).click();
  await expect(page.getByText("Good day!").first()).toBeVisible();
  await page.getByRole("button", { name: "Continue" }).click();
  const row = await server.wait(owner, id, "success");
  expect(row["outputs"]).toEqual({ greeting: "Good day!" });
  await page.getByRole("button", { name: "Outline" }).click();
  const say = page.getByRole("treeitem", { name: /say/ });
  await expect(say).toContainText("Succeeded");
  await page.getByLabel("History").fill("1");
  await expect(say, "before it had begun").toContainText("Not started");
  await say.click();
  const panel = page.getByRole("region", { name: "Step say" });
  await expect(panel).toContainText("It had not begun");
  await expect(page.getByText(/As it stood after 1 of \d+ changes/).first()).toBeVisible();
  await page.getByRole("button", { name: "Timeline" }).click();
  await expect(page.getByRole("listbox", { name: /Steps/ }).getByRole("option")).toHaveCount(1);
  await page.getByRole("button", { name: "Logs" }).click();
  await expect(page.getByText("No step has written anything")).toBeVisible();
  await page.getByRole("button", { name: "Back to now" }).click();
  await expect(page.getByText("Good day!").first()).toBeVisible();
  await expect(panel).toContainText("Succeeded");
  // A step that ran then has what it was given, and not yet what it gave.
  await page.getByLabel("History").fill("2");
  await page.goto(`${server.url}/executions/${id}?view=outline&step=/0&at=2`);
  const greet = page.getByRole("region", { name: "Step greet" });
  await expect(greet).toContainText("Inputs");
  await expect(greet).toContainText("still ran");
  await page.goto(`${server.url}/executions/${id}?view=outline&step=/0`);
  await expect(greet).toContainText("Succeeded");
  await expect(greet).not.toContainText("still ran");
});

test("a view can be sent to somebody, and Back leads through what one has seen", async ({ console, page }) => {
  const { server, owner } = console;
  const items = Array.from({ length: 300 }, (_, index) => index);
  await server.save(
    owner,
    "long",
    `akao: 1\nid: long\nversion: 1.0.0\nroot:\n  type: ForEach\n  props: { items: ${JSON.stringify(items)} }\n  children:\n    - { id: each, type: LogMessage, props: { message: "line \${item} ends" } }\n`,
  );
  const id = await server.run(owner, "long");
  await server.wait(owner, id, "success");
  await console.signIn(`/executions/${id}?view=timeline&step=/[250]/0`);
  const steps = page.getByRole("listbox", { name: /Steps/ });
  const chosen = steps.getByRole("option", { selected: true });
  await expect(chosen, "far below what is seen at first").toBeInViewport();
  const active = await steps.getAttribute("aria-activedescendant");
  expect(await chosen.getAttribute("id")).toBe(active);
  await steps.evaluate((list) => list.scrollTo({ top: 0 }));
  await expect(chosen).toHaveCount(0);
  await expect(steps, "what is not there is not named").not.toHaveAttribute("aria-activedescendant");

  await page.getByRole("button", { name: "Logs" }).click();
  await page.getByLabel("Search logs").fill("line 7 ends");
  await expect(page).toHaveURL(/find=line/);
  await page.reload();
  await expect(page.getByLabel("Search logs")).toHaveValue("line 7 ends");
  await expect(page.getByText("1 of 300 lines")).toBeVisible();
  await page.getByLabel("Search logs").fill("");
  await expect(page).not.toHaveURL(/find=/);
  await page.goBack();
  await expect(steps, "Back from the logs").toBeVisible();

  await console.open(`/compare?left=${id}&right=${id}`);
  await page.getByLabel("Only what differs").click();
  await expect(page.getByText("200 of 301 steps"), "what is left out is said").toBeVisible();
  await page.getByRole("button", { name: "Show more" }).click();
  await expect(page.getByRole("table", { name: "Steps of both executions" }).getByRole("row")).toHaveCount(302);
});

test("a breakpoint stops when its condition holds, and only then", async ({ console, page }) => {
  const { server, owner } = console;
  const loop =
    'akao: 1\nid: loop\nversion: 1.0.0\nroot:\n  type: Sequence\n  children:\n    - { id: gate, type: WaitForSignal, props: { signalName: go } }\n    - type: ForEach\n      props: { items: [1, 2, 3, 4, 5] }\n      children:\n        - { id: each, type: LogMessage, props: { message: "at ${item}" } }\n';
  await server.save(owner, "loop", loop);
  const id = await server.run(owner, "loop");
  await server.wait(owner, id, "waiting");
  await console.signIn(`/executions/${id}?view=outline&step=/1/0`);
  await page.getByRole("button", { name: "Break when…" }).click();
  await page.getByLabel("Condition").fill("item >");
  await page.getByRole("button", { name: "Set it" }).click();
  await expect(page.getByRole("alert"), "a condition that cannot be read").toBeVisible();
  await page.getByLabel("Condition").fill("item > 3");
  await page.getByRole("button", { name: "Set it" }).click();
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await server.ask(owner, "POST", `/executions/${id}/signal`, { name: "go" });
  await server.wait(owner, id, "paused");
  await page.getByRole("button", { name: "Values" }).click();
  await page.getByRole("button", { name: "Close the step" }).click();
  await expect(page.getByText("when item > 3")).toBeVisible();
  await page.getByRole("button", { name: "Logs" }).click();
  await expect(page.getByText("at 3")).toBeVisible();
  await expect(page.getByText("at 4")).toHaveCount(0);
  await page.getByRole("button", { name: "Clear breakpoint" }).click();
  await expect(page.getByText("when item > 3")).toHaveCount(0);
  await page.getByRole("button", { name: "Continue" }).click();
  await server.wait(owner, id, "success");
});

const PARTS = `akao: 1
id: parts
version: 1.0.0
root:
  type: Sequence
  children:
    - { id: gate, type: WaitForSignal, props: { signalName: go } }
    - type: Graph
      children:
        - { id: left, type: SuccessNode }
        - { id: right, type: SuccessNode }
        - { id: join, type: LogMessage, props: { message: joined }, needs: [left, right] }
    - type: ForEach
      id: loop
      props: { items: [1, 2, 3, 4, 5] }
      children:
        - { id: each, type: LogMessage, props: { message: "at \${item}" } }
`;

test("it stops on the way between two nodes and in a run that has not begun", async ({ console, page }) => {
  // By keys alone it is some hundreds of arrows.
  test.setTimeout(240_000);
  const { server, owner } = console;
  await server.save(owner, "parts", PARTS);
  const id = await server.run(owner, "parts");
  await server.wait(owner, id, "waiting");
  await console.signIn(`/executions/${id}?step=/1/2`);

  // In the drawing: the ways to the node that is chosen can be reached by keys.
  const way = page.getByRole("button", { name: "Break on the way from left to join" });
  await way.focus();
  await page.keyboard.press("Enter");
  await expect(way).toHaveAttribute("aria-pressed", "true");
  await console.isAccessible();
  // In the outline and beside the step: the same.
  await page.getByRole("button", { name: "Outline" }).click();
  const join = page.getByRole("treeitem", { name: /^join/ });
  await expect(join).toContainText("breakpoint from left");
  const ways = page.getByRole("region", { name: "Ways to join" });
  await ways.getByRole("button", { name: "Break from right" }).click();
  await expect(join).toContainText("breakpoint from right");
  await ways.getByRole("button", { name: "Clear breakpoint" }).last().click();
  await expect(join).not.toContainText("breakpoint from right");

  // One run of a loop, ahead of it.
  await page.getByRole("treeitem", { name: /^each/ }).click();
  await expect(page.getByRole("region", { name: "Step each" })).toBeVisible();
  await page.getByRole("button", { name: "Break here" }).click();
  const each = page.getByRole("treeitem", { name: /^each/ });
  await expect(each, "set by its id").toContainText("breakpoint");
  await page.getByRole("button", { name: "Clear breakpoint" }).click();
  await expect(each).not.toContainText("breakpoint");
  await page.getByRole("button", { name: "Break when…" }).click();
  await page.getByLabel("Where", { exact: true }).selectOption("One run, also one to come");
  await page.getByRole("button", { name: "Set it" }).click();
  await expect(page.getByText("This must be a whole number.")).toBeVisible();
  await page.getByLabel("Run of loop").fill("3");
  await page.getByRole("button", { name: "Set it" }).click();
  await expect(each).toContainText("breakpoint in run /2[3]/0");

  await server.ask(owner, "POST", `/executions/${id}/signal`, { name: "go" });
  await server.wait(owner, id, "paused");
  await expect(join).toContainText("Held");
  await page.getByRole("button", { name: "Continue" }).click();
  await expect(each).toContainText("Held");
  await page.getByRole("button", { name: "Logs" }).click();
  await expect(page.getByText("at 3", { exact: true })).toBeVisible();
  await expect(page.getByText("at 4", { exact: true })).toHaveCount(0);
  await page.getByRole("button", { name: "Continue" }).click();
  await server.wait(owner, id, "success");
});

test("an execution is forked from a step with another value, and compared with its origin", async ({
  console,
  page,
}) => {
  const { server, owner } = console;
  const id = await server.run(owner, "hello", { input: { name: "Ada" } });
  await server.wait(owner, id, "success");
  await console.signIn(`/executions/${id}?view=outline`);
  await page.getByRole("treeitem", { name: /greet/ }).first().click();
  await page
    .getByRole("treeitem", { name: /greet/ })
    .nth(1)
    .or(page.getByRole("treeitem", { name: /SetVariable/ }))
    .first()
    .click();
  const panel = page.getByRole("region", { name: /Step greet/ });
  await expect(panel.getByText("Hello, Ada!").first()).toBeVisible();
  await panel.getByRole("button", { name: "Fork from here" }).click();
  await page.getByRole("button", { name: "Change a value" }).click();
  await page.getByLabel("Value", { exact: true }).fill("input.name");
  await page.getByLabel("is", { exact: true }).fill('"Grace"');
  await page.getByRole("button", { name: "Start the fork" }).click();
  await expect(page.getByText("Forked from")).toBeVisible();
  await expect(page.getByText("Hello, Grace!").first()).toBeVisible();
  await page.getByRole("link", { name: "Compare with its origin" }).click();
  await expect(page.getByRole("row", { name: /greet/ }).first()).toContainText(/What it (was given|gave)/);
});

const DOT =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";

const SHOWS = `akao: 1
id: shows
version: 1.0.0
inputs: { rows: { type: array }, picture: { type: string }, long: { type: string } }
outputs: { rows: "\${rows}", picture: "\${picture}", long: "\${long}" }
root:
  type: Sequence
  children:
    - { type: SetVariable, id: rows, props: { key: rows, value: "\${input.rows}" } }
    - { type: SetVariable, id: picture, props: { key: picture, value: "\${input.picture}" } }
    - { type: SetVariable, id: long, props: { key: long, value: "\${input.long}" } }
`;

test("each value is shown as what it is: a table, a picture, and what is too large to stand in its place", async ({
  console,
  page,
}) => {
  const { server, owner } = console;
  await server.save(owner, "shows", SHOWS);
  const rows = Array.from({ length: 250 }, (_, n) => ({ n, name: `row ${n}`, ...(n === 249 ? { last: true } : {}) }));
  const id = await server.run(owner, "shows", { input: { rows, picture: DOT, long: "much ".repeat(40_000) } });
  await server.wait(owner, id, "success");
  await console.signIn(`/executions/${id}?view=outline`);
  const outputs = page.getByRole("region", { name: "Outputs", exact: true });
  await expect(outputs.getByRole("columnheader", { name: "last" }), "also of the last row").toBeAttached();
  await expect(outputs.getByText("200 of 250 rows")).toBeAttached();
  await outputs.getByRole("button", { name: "Show more" }).click();
  await expect(outputs.getByText("row 249")).toBeAttached();
  const picture = outputs.getByRole("img", { name: "picture" });
  await picture.scrollIntoViewIfNeeded();
  expect(await picture.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBe(1);
  await outputs.getByLabel("How picture is shown").selectOption("Text");
  await expect(outputs.getByText(DOT)).toBeVisible();

  await expect(outputs.getByText("200 kB kept apart, application/json")).toBeVisible();
  await outputs.getByRole("button", { name: "Open long" }).click();
  await expect(outputs.getByText(/^(much ){100}/)).toBeVisible();
  await console.isAccessible();
  const saved = page.waitForEvent("download");
  await outputs.getByRole("link", { name: "Download long" }).click();
  expect((await saved).suggestedFilename()).toMatch(/^value-[0-9a-f]{12}\.json$/);
});

test("a failure is told with its cause, its step and what can be done", async ({ console, page }) => {
  const { server, owner } = console;
  await server.save(
    owner,
    "fails",
    "akao: 1\nid: fails\nversion: 1.0.0\nroot: { type: Sequence, children: [{ type: FailureNode, id: no, props: { message: it was to be } }] }\n",
  );
  const id = await server.run(owner, "fails");
  await server.wait(owner, id, "failure");
  await console.signIn(`/executions/${id}`);
  await expect(page.getByText("It was to be.")).toBeVisible();
  await page.getByRole("button", { name: /^step \// }).click();
  await expect(page.getByRole("region", { name: /Step no/ })).toBeVisible();
});

test("each attempt of a step by its own retry is told with why it failed", async ({ console, page }) => {
  const { server, owner } = console;
  await server.save(
    owner,
    "luckless",
    `akao: 1
id: luckless
version: 1.0.0
root:
  type: JavaScriptInterpreter
  id: try
  props: { script: "throw new Error('no luck')" }
  retry: { attempts: 3, delay: 10ms, on: [user] }
`,
  );
  const id = await server.run(owner, "luckless");
  await server.wait(owner, id, "failure");
  await console.signIn(`/executions/${id}?view=outline`);
  await page.getByRole("button", { name: "Outline" }).click();
  await page.getByRole("treeitem", { name: /^try/ }).click();
  const panel = page.getByRole("region", { name: /Step try/ });
  await expect(panel.getByText("3 times")).toBeVisible();
  const rows = panel.getByRole("table", { name: "Attempts before" }).getByRole("row");
  await expect(rows).toHaveCount(3);
  await expect(rows.nth(1)).toContainText(/1.*No luck.*user|1.*no luck.*user/);
  await expect(rows.nth(2)).toContainText(/2.*o luck.*user/);
});
