import { expect, test } from "vitest";
import { amount, share, size } from "./quotas";

test("bytes are said in the largest unit that leaves a number", () => {
  expect([0, 999, 1_000, 1_500, 999_600, 2_147_483_648, 20_000_000_000, 5e15].map(size)).toEqual([
    "0 bytes",
    "999 bytes",
    "1 kB",
    "1.5 kB",
    "1 MB",
    "2.1 GB",
    "20 GB",
    "5000 TB",
  ]);
});

test("each quota has its unit, and none of them is a bound where there is none", () => {
  expect(amount("cpu_millis", 1_500)).toBe("1.5");
  expect(amount("memory_bytes", 2_000_000_000)).toBe("2 GB");
  expect(amount("starts_per_minute", 6_000)).toBe("6,000");
  expect(amount("steps", null)).toBe("no bound");
});

test("a share is known where there is a bound, and never more than all", () => {
  expect(share(5, 10)).toBe(0.5);
  expect(share(12, 10)).toBe(1);
  expect(share(5, null)).toBeUndefined();
  expect(share(null, 10)).toBeUndefined();
});
