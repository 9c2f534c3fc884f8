import fc from "fast-check";
import { expect, it } from "vitest";
import { ExactIntegral, MAX_STEP } from "./integral.js";

const MOST_POWER = 65_535 * 32_768;
const power = fc.oneof(fc.integer({ min: 0, max: MOST_POWER }), fc.constantFrom(0, MOST_POWER));
const dt = fc.oneof(fc.integer({ min: 0, max: MAX_STEP }), fc.constant(MAX_STEP));

it("adds up exactly as big integers do, over the whole range of raw values and steps", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(power, power, dt), { minLength: 1, maxLength: 60 }), (steps) => {
      const integral = new ExactIntegral();
      let exact = 0n;
      let taken = 0n;
      for (const [p0, p1, step] of steps) {
        integral.add(p0, p1, step);
        exact += BigInt(p0 + p1) * BigInt(step);
        if (step % 2 === 0) taken += BigInt(integral.take());
      }
      taken += BigInt(integral.take());
      expect(taken).toBe(exact / 24_000_000_000n);
    }),
  );
});

it("is (P0 + P1)/2 × 0.0003 W × time: 350 V and 10 A for an hour are 3.5 kWh", () => {
  const integral = new ExactIntegral();
  const raw = Math.round(350 / 0.015) * (10 / 0.02);
  for (let second = 0; second < 3_600; second += 1) integral.add(raw, raw, 1_000_000);
  expect(integral.take()).toBe(Math.floor(raw * 0.0003 * 1_000));
});
