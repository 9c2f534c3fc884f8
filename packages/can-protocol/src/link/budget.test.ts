import { describe, expect, it } from "vitest";
import { Budget } from "./budget.js";
import { seededEntropy } from "./link-pair.fixture.js";

function budget(perSecond: number): Budget {
  const entropy = seededEntropy(3);
  return new Budget(perSecond, () => entropy.bytes(1)[0]! / 256);
}

describe("the budget for strangers' messages", () => {
  it("is spent by no more than it has, and earns again", () => {
    const spent = budget(20);
    const met = (ms: number) => (spent.take(ms) ? 1 : 0);
    let sum = 0;
    for (let ms = 0; ms < 100_000; ms += 1) sum += met(ms);
    expect(sum).toBeGreaterThan(20 * 90);
    expect(sum).toBeLessThanOrEqual(20 * 101);
  });

  it("meets every one that comes within it", () => {
    const spent = budget(20);
    for (let ms = 0; ms < 60_000; ms += 60) expect(spent.take(ms)).toBe(true);
  });

  it("cannot be kept from the others by whoever is always there first", () => {
    const spent = budget(20);
    let others = 0;
    for (let ms = 0; ms < 100_000; ms += 1) {
      spent.take(ms);
      if (ms % 100 === 0 && spent.take(ms)) others += 1;
    }
    // One in a thousand and one of the 20 a second would be fair: 20 · 100 s · 10 ⁄ 1010.
    expect(others).toBeGreaterThan(5);
  });
});
