import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { isOf, type List, listen } from "./live";

/** A connection whose other side is the test. */
class Socket {
  said: unknown[] = [];
  closed = false;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  onerror: (() => void) | null = null;

  send(text: string): void {
    this.said.push(JSON.parse(text));
  }

  close(): void {
    this.closed = true;
  }

  tell(message: unknown): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function listening(lists: readonly List[]) {
  const sockets: Socket[] = [];
  const changes: List[] = [];
  const states: boolean[] = [];
  const stop = listen({
    lists,
    csrf: () => "token",
    pauses: [100],
    onChange: (list) => changes.push(list),
    onOpen: (open) => states.push(open),
    connect: () => {
      const socket = new Socket();
      sockets.push(socket);
      return socket as unknown as WebSocket;
    },
  });
  return { sockets, changes, states, stop };
}

test("it says who it is, subscribes when it may, and tells what changed", () => {
  const { sockets, changes, states } = listening(["executions", "queue"]);
  const [socket] = sockets;
  socket?.onopen?.();
  expect(socket?.said).toEqual([{ type: "hello", csrf: "token" }]);
  socket?.tell({ type: "ready" });
  expect(socket?.said.slice(1)).toEqual([
    { type: "subscribe", id: "executions", what: "executions" },
    { type: "subscribe", id: "queue", what: "queue" },
  ]);
  socket?.tell({ type: "subscribed", id: "queue" });
  socket?.tell({ type: "event", id: "executions", event: "execution", data: {} });
  socket?.tell({ type: "missed", id: "queue" });
  socket?.tell({ type: "event", id: "strange", data: {} });
  socket?.onmessage?.({ data: "not JSON" });
  expect([changes, states]).toEqual([["queue", "executions", "queue"], [true]]);
});

test("it comes back when the connection ends, and when it is silent", () => {
  const { sockets, states } = listening(["tasks"]);
  sockets[0]?.onopen?.();
  sockets[0]?.tell({ type: "ready" });
  sockets[0]?.onclose?.();
  vi.advanceTimersByTime(100);
  expect([sockets.length, states]).toEqual([2, [true, false]]);
  sockets[1]?.onopen?.();
  sockets[1]?.tell({ type: "ready" });
  vi.advanceTimersByTime(20_000);
  sockets[1]?.tell({ type: "alive" });
  vi.advanceTimersByTime(20_000);
  expect(sockets[1]?.closed, "a sign of life came").toBe(false);
  vi.advanceTimersByTime(6_000);
  expect([sockets[1]?.closed, sockets.length, states.at(-1)]).toEqual([true, 3, false]);
});

test("it stops when it is told to", () => {
  const { sockets, stop } = listening(["tasks"]);
  stop();
  sockets[0]?.onclose?.();
  vi.advanceTimersByTime(10_000);
  expect([sockets.length, sockets[0]?.closed]).toEqual([1, true]);
});

test("a change of a list is one of what shows a part of it, and of nothing that is over", () => {
  for (const [list, key, expected] of [
    ["tasks", ["tasks", {}], true],
    ["tasks", ["task", "1:2"], true],
    ["executions", ["executions", { status: ["running"] }], true],
    ["executions", ["executions", { until: "2026-01-01T00:00:00Z" }], false],
    ["executions", ["execution", "1"], false],
    ["queue", ["task", "1:2"], false],
  ] as const) {
    expect(isOf(list, key), `${list} ${JSON.stringify(key)}`).toBe(expected);
  }
});
