import { expect, test } from "vitest";
import { ago, duration, moment } from "./time";

test("a duration has the unit that fits", () => {
  expect([3, 999, 1_000, 3_449, 59_000, 60_000, 125_000, 3_600_000, 3_661_000, 90_000_000].map(duration)).toEqual([
    "3 ms",
    "999 ms",
    "1.0 s",
    "3.4 s",
    "59 s",
    "1 min",
    "2 min 5 s",
    "1 h",
    "1 h 1 min",
    "1 d 1 h",
  ]);
});

test("times are told from now", () => {
  expect(ago(1_000, 2_000)).toBe("now");
  expect(ago(0, 90_000)).toBe("1 min ago");
  expect(ago(7_200_000, 0)).toBe("in 2 h");
  expect(moment("nonsense")).toBe("nonsense");
});
