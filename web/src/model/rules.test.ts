import { expect, test } from "vitest";
import type { NodeDef } from "./definition";
import { rulesOf } from "./rules";

const of = (node: Partial<NodeDef>) => Object.fromEntries(rulesOf({ type: "HttpRequest", ...node }));

test("the whole policy of a step is said, also what nobody has written", () => {
  expect(of({ retry: { attempts: 3 } })).toEqual({
    Attempts: "3 at most, the first one counts",
    Waits:
      "1s before the second attempt, each further one 2 times as long, 60s at most; spread by up to a fifth either way",
    "Tried again on": "errors that say so",
  });
  expect(
    of({
      timeout: "30s",
      retry: { attempts: 5, delay: "250ms", factor: 1, max_delay: "5s", on: ["connection", "timeout"] },
    }),
  ).toEqual({
    Time: "30s at most, each attempt",
    Attempts: "5 at most, the first one counts",
    Waits: "250ms before the second attempt, each further one as long, 5s at most; spread by up to a fifth either way",
    "Tried again on": "connection, timeout",
  });
  expect(of({ retry: { attempts: 1 } })).not.toHaveProperty("Waits");
});

test("a Retry has a policy of its own, with other words where it differs", () => {
  expect(of({ type: "Retry" })).toEqual({
    Attempts: "3 at most, the first one counts",
    Waits: "1s before the second attempt, each further one 2 times as long, 60s at most",
    "Tried again on": "every error",
  });
  const linear = { attempts: -1, delayMs: 1_500, backoff: "linear", maxDelayMs: "5m", on: ["user"] };
  expect(of({ type: "Retry", props: linear })).toEqual({
    Attempts: "without end",
    Waits: "1500ms before the second attempt, each further one 1500ms longer, 5m at most",
    "Tried again on": "user",
  });
  expect(of({ type: "Retry", props: { attempts: "${input.tries}" } })["Attempts"]).toContain("${input.tries} at most");
});

test("what else is said of a node stands there, and of most nothing is", () => {
  expect(rulesOf({ type: "LogMessage" })).toEqual([]);
  const node = { if: "a > 1", needs: ["b", "c"], timeout: "5s", on_failure: "continue", pin: {}, run_on: ["gpu"] };
  expect(Object.keys(of(node as Partial<NodeDef>))).toEqual([
    "Runs if",
    "Needs",
    "Time",
    "If it fails",
    "Pinned",
    "Runs on",
  ]);
});
