import { beforeEach, expect, test, vi } from "vitest";
import { ask } from "../api/client";
import { queries } from "../api/queries";
import { check } from "./check";
import { askFlow } from "./flow";

vi.mock("../api/client", async (original) => ({ ...(await original<object>()), ask: vi.fn() }));
vi.mock("./flow", () => ({ askFlow: vi.fn() }));

const FOUND = { items: [{ name: "com.example.a@1.2.0#sha256:00", aliases: ["com.example.a@^1"] }], refused: [] };
const NOTHING = { items: [], refused: [] };

/** The checks, which find these names and a problem for each that nobody has said anything of. */
function finds(...foreign: string[]): void {
  vi.mocked(askFlow).mockImplementation((_, { named }) => {
    const { items } = named as typeof FOUND;
    const known = items.flatMap((item) => item.aliases);
    const problems = foreign.filter((name) => !known.includes(name)).map((message) => ({ message }));
    return Promise.resolve({ problems, definition: null, lines: null, foreign } as never);
  });
}

beforeEach(() => {
  queries.clear();
  vi.mocked(ask).mockReset();
  vi.mocked(askFlow).mockReset();
});

test("the server says what a range stands for, once for several letters", async () => {
  finds("com.example.a@^1");
  vi.mocked(ask).mockResolvedValue(FOUND as never);
  expect(await check("one")).toMatchObject({ problems: [], named: FOUND.items });
  expect(await check("another")).toMatchObject({ problems: [], named: FOUND.items });
  expect(vi.mocked(ask).mock.calls).toEqual([
    ["POST /api/v1/catalogue/named", expect.objectContaining({ body: { types: ["com.example.a@^1"] } })],
  ]);
  expect(vi.mocked(askFlow), "the second text is checked with what is known").toHaveBeenCalledTimes(3);
});

test("a text of the catalogue's own names asks nobody", async () => {
  finds();
  expect(await check("text")).toMatchObject({ problems: [], named: [] });
  expect(ask).not.toHaveBeenCalled();
});

test("without the server the text is checked by what is known", async () => {
  finds("com.example.b@^1");
  vi.mocked(ask).mockRejectedValue(new Error("the server cannot be reached"));
  expect(await check("text")).toMatchObject({ problems: [{ message: "com.example.b@^1" }], named: NOTHING.items });
});

test("what is too long to be a name is not asked for", async () => {
  finds("a".repeat(200));
  expect((await check("text")).problems).toHaveLength(1);
  expect(ask).not.toHaveBeenCalled();
});
