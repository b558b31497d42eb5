/** Nodes as their authors see them: declarations, contexts, failures, and the host for tests. */

import assert from "node:assert/strict";
import { writeFileSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Cancelled, Failure, node } from "akao";
import { TestHost } from "akao/testing";

const add = node(
  "com.example.add",
  {
    inputs: { left: { type: "integer", required: true }, right: { type: "integer", default: 1 } },
    validate: ({ left }) => (left === 13 ? [{ path: "/left", message: "brings bad luck", suggestion: null }] : undefined),
  },
  (_, { left, right }) => ({ sum: left + right }),
);

async function withHost(nodes, options, use) {
  const host = new TestHost(nodes, options);
  try {
    await use(host);
  } finally {
    host.close();
  }
}

test("problems are named", () => {
  const cases = [
    [{ left: 1 }, []],
    [{ left: true }, ["expected integer, found boolean"]],
    [{ left: 1.5 }, ["expected integer, found number"]],
    [{ left: null }, ["expected integer, found null"]],
    [{ left: 2 ** 53 }, ["is beyond 2^53, send it as a string"]],
    [{ left: 13 }, ["brings bad luck"]],
    [{ lift: 1 }, ["is not an input of this node", "is required"]],
  ];
  for (const [parameters, expected] of cases) {
    assert.deepEqual(add.problems(parameters).map((problem) => problem.message), expected);
  }
});

test("outputs come back, from work that is async or not", () =>
  withHost([add, node("com.example.late", {}, async () => ({ at: await sleep(5, "last") }))], {}, async (host) => {
    assert.deepEqual((await host.execute("com.example.add", { left: 2 })).outputs, { sum: 3 });
    assert.deepEqual((await host.execute("com.example.late", {})).outputs, { at: "last" });
    assert.deepEqual(await host.validate("com.example.add", { left: 13 }), [
      { path: "/left", message: "brings bad luck", suggestion: null },
    ]);
  }));

test("many calls that wait are answered without deep recursion", () =>
  withHost([add, node("com.example.late", {}, async () => void (await sleep(5)))], {}, async (host) => {
    const first = host.execute("com.example.late", {});
    const others = Array.from({ length: 20_000 }, (_, left) => host.execute("com.example.add", { left: left + 20 }));
    await first;
    assert.equal((await Promise.all(others)).filter((result) => result.success).length, 20_000);
  }));

test("the worst word on health counts", async () => {
  const [well, less, worse] = [{ status: "healthy", detail: "well" }, { status: "degraded", detail: "less" }, { status: "unhealthy", detail: "worse" }];
  const fails = () => { throw new Error("no word"); };
  const cases = [
    [[undefined, () => well], well],
    [[() => well, () => less], less],
    [[() => less, () => worse, () => well], worse],
    [[() => well, fails], { status: "unhealthy", detail: "no word" }],
    [[() => ({ status: "odd" })], { status: "unhealthy", detail: "`com.example.0` says `odd`, known are healthy, degraded, unhealthy" }],
  ];
  for (const [words, expected] of cases) {
    const nodes = words.map((health, index) => node(`com.example.${index}`, health ? { health } : {}, () => {}));
    await withHost(nodes, {}, async (host) => assert.deepEqual(await host.health(), expected));
  }
});

test("a cancel reaches work through the flag and the signal", () => {
  const wait = node("com.example.wait", {}, async (context) => {
    context.progress(null, "waiting");
    await sleep(60_000, undefined, { signal: context.signal }).catch(() => {});
    context.checkCancelled();
  });
  return withHost(wait, { cancelAtProgress: true }, async (host) => {
    assert.equal((await host.execute("com.example.wait", {})).error.kind, "cancelled");
  });
});

test("files travel as blobs", () => {
  const copy = node("com.example.copy", { inputs: { text: { type: "string", required: true } } }, async (context, { text }) => {
    writeFileSync(path.join(context.workspace, "a.txt"), text);
    const blob = await context.blobPut("a.txt", "text/plain");
    return { blob, text: readFileSync(await context.blobGet(blob, "b.txt"), "utf8") };
  });
  return withHost(copy, {}, async (host) => {
    const expected = { blob: { $blob: "test:1", bytes: 3, media_type: "text/plain" }, text: "all" };
    assert.deepEqual((await host.execute("com.example.copy", { text: "all" })).outputs, expected);
  });
});

test("secrets are granted or denied, and state is kept", () => {
  const count = node("com.example.count", { inputs: { name: { type: "string", required: true } } }, async (context, { name }) => {
    await context.statePut("calls", ((await context.stateGet("calls")) ?? 0) + 1);
    return { secret: await context.secret(name) };
  });
  return withHost(count, { secrets: { A: "a" } }, async (host) => {
    assert.deepEqual((await host.execute("com.example.count", { name: "A" })).outputs, { secret: "a" });
    assert.equal((await host.execute("com.example.count", { name: "B" })).error.kind, "permission");
    assert.deepEqual(host.state, { calls: 2 });
  });
});

test("long output gets through", () => {
  const rows = node("com.example.rows", {}, async (context) => {
    for (let index = 0; index < 10; index++) await context.output("rows", "x".repeat(100_000));
  });
  return withHost(rows, {}, async (host) => {
    assert.equal((await host.execute("com.example.rows", {})).output.rows.length, 1_000_000);
  });
});

test("odd failures are answered", () => {
  const circle = {};
  circle.circle = circle;
  const cases = {
    big: [() => ({ value: 10n }), "internal"],
    circle: [() => circle, "internal"],
    surrogate: [() => ({ value: "\ud800" }), "internal"],
    infinity: [() => ({ value: [Infinity] }), "internal"],
    long: [() => { throw new Failure("user", "x".repeat(2_000_000)); }, "user"],
    text: [() => { throw "text"; }, "internal"],
    cancelled: [() => { throw new Cancelled(); }, "cancelled"],
    rejected: [async () => { throw new TypeError("no"); }, "internal"],
  };
  const nodes = Object.entries(cases).map(([name, [work]]) => node(`com.example.${name}`, {}, work));
  return withHost(nodes, {}, async (host) => {
    for (const [name, [, kind]] of Object.entries(cases)) {
      assert.equal((await host.execute(`com.example.${name}`, {})).error.kind, kind, name);
    }
  });
});

test("halves of characters in messages are replaced, text that looks like them is not", () => {
  const half = node("com.example.half", {}, (context) => {
    context.log("info", "\ud800 \\ud800", { "\\": "\udc00" });
    throw new Failure("user", "\\\ud83d \\\\ud83d 😀");
  });
  return withHost(half, {}, async (host) => {
    const { error, logs } = await host.execute("com.example.half", {});
    assert.equal(error.message, "\\\ufffd \\\\ud83d 😀");
    assert.deepEqual(logs, [{ level: "info", message: "\ufffd \\ud800", fields: { "\\": "\ufffd" } }]);
  });
});

test("an unknown kind of failure is a mistake", () => {
  assert.throws(() => new Failure("odd", "m"), TypeError);
});
