/** How quick the console is, against a real server. Each figure is printed; none fails a run, because machines differ. */
import { readFileSync } from "node:fs";
import { expect, HELLO, test } from "./console";

const figures: Array<[string, string]> = [];

function p95(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * 0.95) - 1] ?? Number.NaN;
}

const ms = (value: number) => `${value.toFixed(0)} ms`;

test.afterAll(() => {
  for (const [name, value] of figures) process.stdout.write(`| ${name} | ${value} |\n`);
});

/** What a process holds in memory, itself and shared. */
function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(status.match(/VmRSS:\s+(\d+) kB/)?.[1] ?? 0) * 1_024;
}

/** A tree of so many leaves, in sequences of ten. */
function wide(nodes: number): string {
  const groups = Array.from({ length: Math.floor(nodes / 10) }, (_, group) => {
    const leaves = Array.from(
      { length: 9 },
      (_, leaf) => `        - { id: n${group}_${leaf}, type: LogMessage, props: { message: "leaf ${leaf}" } }`,
    );
    return ["    - type: Sequence", "      children:", ...leaves].join("\n");
  });
  return `akao: 1\nid: wide\nversion: 1.0.0\nroot:\n  type: Sequence\n  children:\n${groups.join("\n")}\n`;
}

test("first load", async ({ console, page, ready: { server, owner } }) => {
  await server.save(owner, "hello", HELLO);
  await server.wait(owner, await server.run(owner, "hello"), "success");
  await console.signIn();
  await expect(page.getByRole("heading", { name: "Latest" })).toBeVisible();
  const times: number[] = [];
  let bytes = 0;
  for (let round = 0; round < 10; round += 1) {
    const cdp = await page.context().newCDPSession(page);
    await cdp.send("Network.setCacheDisabled", { cacheDisabled: true });
    await page.goto(server.url, { waitUntil: "commit" });
    const found = await page.evaluate(
      () =>
        new Promise<{ time: number; bytes: number }>((resolve) => {
          const look = () => {
            if (![...document.querySelectorAll("h2")].some((heading) => heading.textContent === "Latest")) {
              requestAnimationFrame(look);
              return;
            }
            const files = performance.getEntriesByType("resource") as PerformanceResourceTiming[];
            const own = files.filter((file) => file.name.includes("/assets/"));
            resolve({ time: performance.now(), bytes: own.reduce((sum, file) => sum + file.encodedBodySize, 0) });
          };
          look();
        }),
    );
    times.push(found.time);
    bytes = found.bytes;
    await cdp.detach();
  }
  figures.push(["first load, files before the dashboard stands", `${(bytes / 1000).toFixed(0)} kB as sent`]);
  figures.push([
    "first load without cache, dashboard interactive, median of 10",
    ms([...times].sort((a, b) => a - b)[5] ?? 0),
  ]);
});

test("a workflow of 1,000 nodes", async ({ console, page, ready: { server, owner } }) => {
  await server.save(owner, "wide", wide(1_000));
  await console.signIn("/workflows");
  await page.getByRole("link", { name: "wide" }).first().hover();
  const began = Date.now();
  await page.goto(`${server.url}/workflows/wide`);
  await expect(page.getByText("n0_0").first()).toBeVisible();
  figures.push(["1,000-node workflow, address to drawing", ms(Date.now() - began)]);
  const box = await page.getByRole("group", { name: /Drawing of/ }).boundingBox();
  if (!box) throw new Error("no drawing");
  await page.evaluate(() => {
    const frames: number[] = [];
    let last = performance.now();
    const tick = (now: number) => {
      frames.push(now - last);
      last = now;
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
    (globalThis as unknown as { frames: number[] }).frames = frames;
  });
  await page.mouse.move(box.x + 300, box.y + 300);
  await page.mouse.down();
  for (let step = 0; step < 120; step += 1) await page.mouse.move(box.x + 300 - step * 2, box.y + 300 - step * 2);
  await page.mouse.up();
  const frames = await page.evaluate(() => (globalThis as unknown as { frames: number[] }).frames.slice(2));
  figures.push(["1,000-node workflow, frame while dragging, p95", ms(p95(frames))]);
});

test("an execution of 50,000 steps", async ({ console, page, ready: { server, owner } }) => {
  const loop =
    'akao: 1\nid: loop\nversion: 1.0.0\ninputs:\n  items: { type: array, required: true }\nroot:\n  type: ForEach\n  props: { items: "${input.items}" }\n  children:\n    - { type: MathOp, id: one, props: { expression: "1 + 1" } }\n';
  await server.save(owner, "loop", loop);
  const id = await server.run(owner, "loop", { input: { items: Array.from({ length: 50_000 }, (_, index) => index) } });
  for (let round = 0; round < 12; round += 1) {
    const row = await server.wait(owner, id, "success", "failure").catch(() => undefined);
    if (row) break;
  }
  await console.signIn("/executions");
  const began = Date.now();
  await page.goto(`${server.url}/executions/${id}?view=timeline`);
  await expect(page.getByRole("listbox", { name: /Steps/ }).getByRole("option").first()).toBeVisible({
    timeout: 60_000,
  });
  figures.push(["50,000-step execution, address to first rows", ms(Date.now() - began)]);
  await expect(page.getByText("50001 steps")).toBeVisible({ timeout: 120_000 });
  figures.push(["50,000-step execution, address to all rows", ms(Date.now() - began)]);
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("HeapProfiler.collectGarbage");
  const { usedSize } = await cdp.send("Runtime.getHeapUsage");
  figures.push(["50,000-step execution, objects of the page after a collection", `${(usedSize / 1e6).toFixed(0)} MB`]);
  const system = await page.context().browser()?.newBrowserCDPSession();
  const { processInfo } = (await system?.send("SystemInfo.getProcessInfo")) ?? { processInfo: [] };
  const resident = processInfo.filter((one) => one.type === "renderer").map((one) => residentBytes(one.id));
  figures.push(["50,000-step execution, whole process of the page", `${(Math.max(...resident) / 1e6).toFixed(0)} MB`]);
});

test("from the server to the screen", async ({ console, page, ready: { server, owner } }) => {
  const waits = Array.from(
    { length: 40 },
    (_, at) => `    - { id: w${at}, type: WaitForSignal, props: { signalName: s${at} } }`,
  );
  await server.save(
    owner,
    "gates",
    `akao: 1\nid: gates\nversion: 1.0.0\nroot:\n  type: Sequence\n  children:\n${waits.join("\n")}\n`,
  );
  const id = await server.run(owner, "gates");
  await server.wait(owner, id, "waiting");
  await console.signIn(`/executions/${id}?view=timeline`);
  await expect(page.getByRole("listbox", { name: /Steps/ }).getByRole("option")).toHaveCount(2);
  const took: number[] = [];
  for (let at = 0; at < 40; at += 1) {
    const seen = page.evaluate(
      (rows) =>
        new Promise<number>((resolve) => {
          const look = () => {
            const options = document.querySelectorAll('[role="option"]');
            if ([...options].filter((row) => row.textContent?.includes("Succeeded")).length >= rows) {
              resolve(Date.now());
            } else requestAnimationFrame(look);
          };
          look();
        }),
      Math.min(at + 1, 15),
    );
    if (at >= 14) {
      seen.catch(() => {});
      break;
    }
    await server.ask(owner, "POST", `/executions/${id}/signal`, { name: `s${at}` });
    const sent = Date.now();
    took.push((await seen) - sent);
  }
  figures.push(["status change on the server to the screen, p95", ms(Math.max(0, p95(took)))]);
});

test("clicks", async ({ console, page }) => {
  await console.signIn();
  await page.evaluate(() => {
    const found: number[] = [];
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (entry.name === "click") found.push(entry.duration);
    }).observe({ type: "event", durationThreshold: 16, buffered: true } as PerformanceObserverInit);
    (globalThis as unknown as { clicks: number[] }).clicks = found;
  });
  let clicks = 0;
  for (let round = 0; round < 6; round += 1) {
    for (const name of [
      "Executions",
      "Tasks",
      "Workflows",
      "Node types",
      "Members",
      "Roles",
      "API tokens",
      "Audit",
      "Dashboard",
    ]) {
      await page.getByRole("link", { name, exact: true }).first().click();
      await expect(page.getByRole("heading", { level: 1, name })).toBeVisible();
      clicks += 1;
    }
  }
  const slow = await page.evaluate(() => (globalThis as unknown as { clicks: number[] }).clicks);
  // What took less than 16 ms is not told by the browser.
  const all = [...slow, ...Array.from({ length: Math.max(0, clicks - slow.length) }, () => 15)];
  figures.push([`click to the next frame, p95 of ${all.length}`, ms(p95(all))]);
});
