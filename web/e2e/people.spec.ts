import { ASKS, expect, prepare, test } from "./console";

test("a task is answered by its form, and the decision stands in the audit", async ({ console, page }) => {
  const { server, owner } = console;
  await server.save(owner, "release", ASKS);
  const id = await server.run(owner, "release");
  await server.wait(owner, id, "waiting");
  await console.signIn("/tasks");
  await page.getByRole("link", { name: "Release 2.0 to production" }).click();
  await page.getByRole("button", { name: "Approve" }).click();
  await expect(page.getByText("This must be filled in.")).toBeVisible();
  await page.getByLabel("Window").selectOption("tonight");
  await page.getByLabel("Servers").fill("0");
  await page.getByRole("button", { name: "Approve" }).click();
  await expect(page.getByText("At least 1.")).toBeVisible();
  await page.getByLabel("Servers").fill("4");
  await page.getByLabel("Comment").fill("All tests passed.");
  // What was written and not sent is there after a reload too.
  await page.reload();
  await expect(page.getByLabel("Window").getByRole("option", { selected: true })).toHaveText("tonight");
  await expect(page.getByLabel("Servers")).toHaveValue("4");
  await expect(page.getByLabel("Comment")).toHaveValue("All tests passed.");
  await page.getByRole("button", { name: "Approve" }).click();
  await expect(page.getByRole("heading", { name: "Tasks" })).toBeVisible();
  await server.wait(owner, id, "success");
  await console.open("/audit");
  await expect(page.getByRole("row", { name: /task\.completed/ }).first()).toContainText("ada@example.com");
});

test("what was written into a dialog is not lost by a click beside it, nor a secret that is shown once", async ({
  console,
  page,
}) => {
  await console.signIn("/tokens");
  const beside = () => page.mouse.click(5, 5);
  await page.getByRole("button", { name: "Make a token" }).click();
  const dialog = page.getByRole("dialog", { name: "Make a token" });
  await expect(dialog).toBeVisible();
  await beside();
  await expect(dialog, "nothing was written").toHaveCount(0);
  await page.getByRole("button", { name: "Make a token" }).click();
  await dialog.getByLabel("Name").fill("weekly import");
  await beside();
  await expect(dialog.getByText("What you wrote here is not sent yet.")).toBeVisible();
  await expect(dialog.getByRole("button", { name: "Go on" })).toBeFocused();
  await console.isAccessible();
  await dialog.getByRole("button", { name: "Go on" }).click();
  await expect(dialog.getByLabel("Name"), "one goes on where one wrote").toBeFocused();
  await page.keyboard.press("Escape");
  await expect(dialog.getByText("What you wrote here is not sent yet.")).toBeVisible();
  await dialog.getByRole("button", { name: "Go on" }).click();
  await expect(dialog.getByLabel("Name")).toHaveValue("weekly import");
  await dialog.getByRole("button", { name: "Make it" }).click();
  await expect(page.getByText(/^akao_token_/)).toBeVisible();
  await beside();
  await expect(page.getByText(/^akao_token_/)).toBeVisible();
  await page.getByRole("button", { name: "Done" }).click();
  await page.getByRole("button", { name: "Make a token" }).click();
  await dialog.getByLabel("Name").fill("another one");
  await page.keyboard.press("Escape");
  await dialog.getByRole("button", { name: "Drop it" }).click();
  await expect(dialog).toHaveCount(0);
});

const RICH = `akao: 1
id: rich
version: 1.0.0
outputs: { answer: "\${answer.data}" }
root:
  type: Sequence
  children:
    - id: ask
      type: HumanTask
      props:
        title: Plan the window
        outputKey: answer
        form:
          type: object
          required: [level, owner]
          properties:
            level: { type: integer, title: Level, enum: [1, 2, 3] }
            size: { title: Size, oneOf: [{ const: 10, title: Small }, { const: 20, title: Large }] }
            days: { type: array, title: Days, items: { enum: [monday, tuesday] } }
            owner:
              type: object
              title: Owner
              required: [mail]
              properties: { mail: { type: string, title: Mail, format: email } }
`;

test("a form has a field for what is a number, a list or an object, and sends them as such", async ({
  console,
  page,
}) => {
  const { server, owner } = console;
  await server.save(owner, "rich", RICH);
  const id = await server.run(owner, "rich");
  await server.wait(owner, id, "waiting");
  await console.signIn("/tasks");
  await page.getByRole("link", { name: "Plan the window" }).click();
  await page.getByLabel("Level").selectOption("2");
  await page.getByLabel("Size").selectOption("Large");
  await page.getByRole("group", { name: /^Days/ }).getByLabel("tuesday").click();
  const mail = page.getByRole("group", { name: "Owner" }).getByLabel("Mail");
  await mail.fill("ada");
  await console.isAccessible();
  await page.getByRole("button", { name: "Approve" }).click();
  await expect(page.getByText("This is not an email address.")).toBeVisible();
  await mail.fill("ada@example.com");
  await page.getByRole("button", { name: "Approve" }).click();
  const row = await server.wait(owner, id, "success", "failure");
  expect(row["outputs"]).toEqual({
    answer: { level: 2, size: 20, days: ["tuesday"], owner: { mail: "ada@example.com" } },
  });
});

test("a task that somebody else answers meanwhile says so", async ({ console, page }) => {
  const { server, owner } = console;
  await server.save(owner, "release-again", ASKS.replace("id: release", "id: release-again"));
  const id = await server.run(owner, "release-again");
  await server.wait(owner, id, "waiting");
  const { items } = await server.ask<{ items: Array<{ task: string }> }>(owner, "GET", `/tasks?execution=${id}`);
  const task = encodeURIComponent(items[0]?.task ?? "");
  await console.signIn(`/tasks/${task}`);
  const approve = page.getByRole("button", { name: "Approve" });
  await expect(approve).toBeVisible();
  await server.ask(owner, "POST", `/tasks/${task}/complete`, { approved: true, data: { window: "now" } });
  await expect(approve).toBeHidden();
  await expect(page.getByText("Completed").first()).toBeVisible();
});

test("a member is invited, joins, gets another role and leaves; a token is made and revoked", async ({
  console,
  page,
  browser,
}) => {
  await console.signIn("/members");
  await page.getByRole("button", { name: "Invite" }).click();
  await page.getByLabel("Email address").fill("grace@example.com");
  await page.getByLabel("Role", { exact: true }).selectOption("editor");
  await page.getByRole("button", { name: "Invite", exact: true }).last().click();
  const link = await page.getByText(/\/join#/).textContent();
  const other = await (await browser.newContext()).newPage();
  await prepare(other, console.server.url);
  await other.goto(link ?? "");
  await other.getByLabel("Your name").fill("Grace Hopper");
  await other.getByLabel("Password").fill("another few words nobody guesses");
  await other.getByRole("button", { name: "Join" }).click();
  await expect(other.getByRole("heading", { name: "Dashboard" })).toBeVisible();
  await other.close();
  await page.getByRole("button", { name: "Done" }).click();
  await page.reload();
  await page.getByLabel("Role of Grace Hopper").selectOption("viewer");
  await expect(page.getByText("The role was changed.")).toBeVisible();
  await page.getByRole("button", { name: "Take out Grace Hopper" }).click();
  await page.getByRole("button", { name: "Take out", exact: true }).last().click();
  await expect(page.getByRole("row", { name: /Grace Hopper/ })).toHaveCount(0);

  await console.open("/tokens");
  await page.getByRole("button", { name: "Make a token" }).click();
  await page.getByLabel("Name").fill("nightly import");
  await page.getByRole("button", { name: "Make it" }).click();
  await expect(page.getByText(/^akao_token_/)).toBeVisible();
  await page.getByRole("button", { name: "Done" }).click();
  await page.getByRole("button", { name: "Revoke nightly import" }).click();
  await expect(page.getByRole("row", { name: /nightly import/ })).toContainText("Revoked");
});

test("a secret is given a value that nobody is shown, and taken away", async ({ console, page }) => {
  await console.signIn("/secrets");
  await page.getByRole("button", { name: "New secret" }).click();
  await page.getByLabel("Name").fill("chat_key");
  await page.getByLabel("Value", { exact: true }).fill("a value that is not shown");
  await page.getByRole("button", { name: "Give it" }).click();
  const row = page.getByRole("row", { name: /chat_key/ });
  await expect(row).toBeVisible();
  await expect(page.getByText("a value that is not shown")).toHaveCount(0);
  await page.getByRole("button", { name: "Give another value for chat_key" }).click();
  await page.getByLabel("Value", { exact: true }).fill("another one");
  await page.getByRole("button", { name: "Give it" }).click();
  await expect(row).toContainText("2");
  await page.getByRole("button", { name: "Remove chat_key" }).click();
  await page.getByRole("button", { name: "Remove", exact: true }).last().click();
  await expect(row).toHaveCount(0);
});
