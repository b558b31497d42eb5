import { beforeEach, expect, test, vi } from "vitest";
import { dropAll, keep, keepsAny, readKept } from "./kept";

vi.mock("./session", () => ({ useMe: () => undefined }));

/** As much of a browser's storage as is used, with its names as its own properties. */
class Storage {
  [name: string]: unknown;
}
Object.defineProperties(Storage.prototype, {
  getItem: {
    value: function (this: Storage, name: string) {
      return this[name] ?? null;
    },
  },
  setItem: {
    value: function (this: Storage, name: string, text: string) {
      this[name] = text;
    },
  },
  removeItem: {
    value: function (this: Storage, name: string) {
      delete this[name];
    },
  },
});

const ada = { tenant: "acme", user: "1" };
const grace = { tenant: "acme", user: "12" };
const adaElsewhere = { tenant: "umbrella", user: "1" };

beforeEach(() => vi.stubGlobal("sessionStorage", new Storage()));

test("what one wrote is given to nobody else, and not in another tenant", () => {
  keep(ada, "workflow:hello", { text: "mine" });
  expect(readKept(ada, "workflow:hello")).toEqual({ text: "mine" });
  expect(readKept(grace, "workflow:hello")).toBeUndefined();
  expect(readKept(adaElsewhere, "workflow:hello")).toBeUndefined();
});

test("whoever signs out leaves nothing behind, and takes nothing of others along", () => {
  keep(ada, "workflow:hello", "mine");
  keep(ada, "task:1", "an answer");
  keep(grace, "workflow:hello", "hers");
  dropAll(ada);
  expect(keepsAny(ada)).toBe(false);
  expect(readKept(grace, "workflow:hello")).toBe("hers");
  keep(grace, "workflow:hello", undefined);
  expect(keepsAny(grace)).toBe(false);
});

test("what cannot be read is as if it were not there", () => {
  keep(ada, "workflow:hello", "mine");
  const [name] = Object.keys(sessionStorage);
  sessionStorage.setItem(name ?? "", "{");
  expect(readKept(ada, "workflow:hello")).toBeUndefined();
});
