import { millis } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RateLimit } from "./rate.js";

function limit(addresses = 100) {
  const clock = { time: 0, now: () => millis(clock.time) };
  return { clock, rate: new RateLimit({ clock, burst: 5, everyMs: 500, addresses }) };
}

describe("a rate limit", () => {
  it("lets a burst pass, and from then on so many a second, for each address alone", () => {
    const { clock, rate } = limit();
    const taken = (address: string) => Array.from({ length: 7 }, () => rate.take(address) === 0);
    expect(taken("192.0.2.1")).toEqual([true, true, true, true, true, false, false]);
    expect(rate.take("192.0.2.2")).toBe(0);
    clock.time = 500;
    expect(taken("192.0.2.1").filter(Boolean)).toHaveLength(1);
    clock.time = 60_000;
    expect(taken("192.0.2.1").filter(Boolean)).toHaveLength(5);
  });

  it("says after how many seconds to try again, and then takes it", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 3_000 }), { maxLength: 50 }), (waits) => {
        const { clock, rate } = limit();
        for (const wait of waits) {
          clock.time += wait;
          const after = rate.take("a");
          if (after === 0) continue;
          clock.time += after * 1000;
          expect(rate.take("a")).toBe(0);
        }
      }),
    );
  });

  it("counts a host's whole IPv6 network as one, and a mapped address as its own", () => {
    const { rate } = limit();
    for (let i = 0; i < 5; i += 1) expect(rate.take(`2001:db8:0:1::${i}`)).toBe(0);
    expect(rate.take("2001:0db8:0:1:ffff::1".replace("0db8", "db8"))).toBeGreaterThan(0);
    expect(rate.take("2001:db8:0:2::1")).toBe(0);
    for (let i = 0; i < 5; i += 1) expect(rate.take("::ffff:192.0.2.9")).toBe(0);
    expect(rate.take("192.0.2.9")).toBeGreaterThan(0);
  });

  it("remembers no more addresses than it may", () => {
    const { rate } = limit(2);
    for (let i = 0; i < 5; i += 1) rate.take("a");
    expect(rate.take("a")).toBeGreaterThan(0);
    rate.take("b");
    rate.take("c");
    expect(rate.take("a")).toBe(0); // forgotten
  });
});
