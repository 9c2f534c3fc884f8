import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TokenBucket } from "./token-bucket.js";

describe("a token bucket", () => {
  it("gives its burst at once, then one in the time of one, and after a rest its burst again, not more", () => {
    const bucket = new TokenBucket({ burst: 3, everyMs: 100 }, 5000);
    const taken = (now: number) => Array.from({ length: 5 }, () => bucket.take(now) === 0);
    expect(taken(5000)).toEqual([true, true, true, false, false]);
    expect(taken(5099)).toEqual([false, false, false, false, false]);
    expect(taken(5100)).toEqual([true, false, false, false, false]);
    expect(taken(90_000)).toEqual([true, true, true, false, false]);
  });

  it("says when there is one again, to the ms", () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 900 }), { maxLength: 60 });
    fc.assert(
      fc.property(gaps, (waits) => {
        let now = 0;
        const bucket = new TokenBucket({ burst: 4, everyMs: 250 }, now);
        for (const wait of waits) {
          now += wait;
          const missing = bucket.take(now);
          if (missing === 0) continue;
          expect(bucket.take(now + missing - 1)).toBe(1);
          now += missing;
          expect(bucket.take(now)).toBe(0);
        }
      }),
    );
  });

  it("never gives more than burst and time allow, whatever the clock does", () => {
    const steps = fc.array(fc.integer({ min: -500, max: 500 }), { maxLength: 100 });
    fc.assert(
      fc.property(steps, (moves) => {
        let [now, forward, taken] = [0, 0, 0];
        const bucket = new TokenBucket({ burst: 2, everyMs: 100 }, now);
        for (const move of moves) {
          now += move;
          forward += Math.max(0, move);
          if (bucket.take(now) === 0) taken += 1;
          expect(taken).toBeLessThanOrEqual(2 + forward / 100);
        }
      }),
    );
  });
});
