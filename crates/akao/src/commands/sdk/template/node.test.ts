import { describe, expect, it, mockFetch, runNode } from "workflow-sdk/test";
import { NodeName } from "./node-name";

const props = { url: "https://hooks.example.com/1", message: "hello" };

describe("NodeName", () => {
  it("sends the message", async () => {
    const sent = mockFetch(() => new Response("ok"));
    const ended = await runNode(NodeName, props);
    expect(ended.status).toBe("SUCCESS");
    expect(ended.result).toEqual({ status: 200 });
    expect(JSON.parse(sent.mock.calls[0][1].body)).toEqual({ text: "hello" });
  });

  it("fails when the hook refuses", async () => {
    mockFetch(() => new Response("no such hook", { status: 404 }));
    const ended = await runNode(NodeName, props);
    expect(ended.status).toBe("FAILURE");
    expect(ended.error?.message).toContain("404");
  });
});
