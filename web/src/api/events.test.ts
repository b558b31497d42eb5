import { describe, expect, test } from "vitest";
import { type Connection, EventReader, follow, type ServerEvent } from "./events";

describe("the reader of events", () => {
  test("waits for whole blocks, however they are cut", () => {
    const reader = new EventReader();
    const text = 'id: 1.4\nevent: status\ndata: {"a":1}\n\n: alive\n\nevent: log\ndata: {"b":\ndata: 2}\n\n';
    const found = [...text].flatMap((letter) => reader.read(letter));
    expect(found).toEqual([
      { id: "1.4", name: "status", data: { a: 1 } },
      { id: undefined, name: "log", data: { b: 2 } },
    ]);
  });

  test("passes over what it cannot read", () => {
    expect(new EventReader().read("data: {\n\nevent: x\n\n")).toEqual([]);
  });
});

function body(text: string): Response {
  return new Response(text, { status: 200 });
}

describe("a stream", () => {
  test("is taken up behind the last event, and ends when the execution has", async () => {
    const asked: Array<string | undefined> = [];
    const answers = [
      () => body("id: 1.0\nevent: status\ndata: {}\n\nid: 2.0\nevent: status\ndata: {}\n\nid: 3.0\nevent: st"),
      () => Promise.reject(new TypeError("no network")),
      () => body("id: 3.0\nevent: complete\ndata: {}\n\n"),
    ];
    const events: ServerEvent[] = [];
    const connections: Connection[] = [];
    await new Promise<void>((resolve) => {
      follow("/events", {
        pauses: [1],
        onEvents: (found) => events.push(...found),
        onConnection: (connection) => {
          connections.push(connection);
          if (connection === "ended") resolve();
        },
        fetch: async (_, init) => {
          asked.push(new Headers(init?.headers).get("last-event-id") ?? undefined);
          return (answers.shift() ?? (() => body("")))();
        },
      });
    });
    expect(asked).toEqual([undefined, "2.0", "2.0"]);
    expect(events.map((event) => event.id)).toEqual(["1.0", "2.0", "3.0"]);
    expect(connections).toContain("lost");
    expect(connections.at(-1)).toBe("ended");
  });

  test("stops where the server refuses, and where it has nothing more", async () => {
    for (const [status, expected] of [
      [403, "forbidden"],
      [404, "refused"],
      [204, "ended"],
    ] as const) {
      const last = await new Promise<Connection>((resolve) => {
        follow("/events", {
          onEvents: () => {},
          onConnection: (connection) => connection !== "connecting" && resolve(connection),
          fetch: async () => new Response(null, { status }),
        });
      });
      expect(last).toBe(expected);
    }
  });
});
