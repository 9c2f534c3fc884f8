import { type Millis, millis } from "@wattseal/base";
import fc from "fast-check";
import { expect, it } from "vitest";
import { ExpiringMap } from "./expiring.js";

interface Value {
  readonly expires: Millis;
  readonly n: number;
}

const MOST = 12;

it("a map of expiring values holds what a list would that is gone through each time", () => {
  const step = fc.record({
    key: fc.nat(40),
    life: fc.integer({ min: 1, max: 60 }),
    wait: fc.nat(8),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      let map = new ExpiringMap<Value>([]);
      let list: { readonly key: string; readonly value: Value }[] = [];
      let now = millis(0);
      for (const [n, { key: number, life, wait }] of steps.entries()) {
        now = millis(now + wait);
        const key = `k${number}`;
        const living = list.filter(({ value }) => value.expires > now);
        expect(map.isFull(MOST, now)).toBe(living.length >= MOST);
        const known = living.find((each) => each.key === key);
        if (known === undefined && map.isFull(MOST, now)) continue;
        const value = { expires: known?.value.expires ?? millis(now + life), n };
        map.set(key, value, now);
        if (known === undefined) list = [...living, { key, value }];
        else list = living.map((each) => (each === known ? { key, value } : each));
        expect(map.values()).toEqual(list.map((each) => each.value));
        expect(map.get(key)).toEqual(value);
        if (n % 7 === 0) map = new ExpiringMap(list.map((each) => [each.key, each.value] as const));
      }
    }),
    { numRuns: 300 },
  );
});
