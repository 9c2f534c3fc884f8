import { micros, millis, milliwattHours } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { interval, MODULE, NOON } from "../samples.fixture.js";
import { CURRENT_ZERO } from "./integral.js";
import { exceedsExtremes, mostHeld } from "./limits.js";
import { type MeterEntry, ModuleMeter } from "./meter.js";

const mwh = milliwattHours;

describe("an interval's integral", () => {
  /** 300 V and 10 A for a minute: 50,000 mWh. */
  const of = (over: Partial<typeof interval>) => ({
    ...interval,
    t0: millis(NOON),
    t1: millis(NOON + 60_000),
    voltageHigh: 20_000,
    currentLow: CURRENT_ZERO - 500,
    currentHigh: CURRENT_ZERO + 500,
    integralIn: mwh(0),
    integralOut: mwh(0),
    ...over,
  });

  it.each([
    ["is what its extremes can do in the time, ends cut to ms and a carry", 50_001, 0],
    ["so in the other direction", 0, 50_001],
    ["has the time only once", 20_001, 30_001],
  ])("%s", (_, inward, out) => {
    const most = of({ integralIn: mwh(inward), integralOut: mwh(out) });
    expect(exceedsExtremes(most)).toBe(false);
    const beyond = inward > 0 ? { integralIn: mwh(inward + 1) } : { integralOut: mwh(out + 1) };
    expect(exceedsExtremes({ ...most, ...beyond })).toBe(true);
  });

  it("is nothing in a direction that the current never had", () => {
    const discharging = { currentHigh: CURRENT_ZERO - 1 };
    expect(exceedsExtremes(of({ ...discharging, integralIn: mwh(1) }))).toBe(true);
    expect(exceedsExtremes(of({ ...discharging, integralOut: mwh(50_000) }))).toBe(false);
  });

  const reading = fc.record({
    voltage: fc.constantFrom(0, 1, 23_333, 65_535),
    current: fc.constantFrom(0, CURRENT_ZERO - 1, CURRENT_ZERO, CURRENT_ZERO + 7, 65_535),
    us: fc.oneof(fc.nat(2_000), fc.nat(5_000_000), fc.constant(5_000_000)),
    repeat: fc.integer({ min: 1, max: 12 }),
    close: fc.boolean(),
  });

  type Repeated = typeof reading extends fc.Arbitrary<infer R> ? R : never;
  function metered(readings: readonly Repeated[]): MeterEntry[] {
    const meter = new ModuleMeter({ module: MODULE, capacity: mwh(0), authenticated: false });
    const done: MeterEntry[] = [];
    const pdu = { counters: undefined, counter: 0, type: 1, body: new Uint8Array(0) };
    const rest = { ...pdu, temperatureLow: 0, temperatureHigh: 0, soc: 0 };
    let now = NOON * 1_000;
    for (const { voltage, current, us, repeat, close } of readings) {
      for (let i = 0; i < repeat; i += 1) {
        now += us;
        done.push(...meter.accept({ ...rest, voltage, current, time: micros(now) }));
      }
      if (close) done.push(...meter.close());
    }
    return [...done, ...meter.close()];
  }

  it("that a meter measured never exceeds them, at the ends of every scale", () => {
    fc.assert(
      fc.property(fc.array(reading, { minLength: 1, maxLength: 40 }), (readings) => {
        for (const { type, body } of metered(readings)) {
          if (type === "energy.interval") expect(exceedsExtremes(body)).toBe(false);
        }
      }),
      { numRuns: 300 },
    );
  });
});

it("takes a module to hold a quarter above its rating, and one of unknown capacity an hour of the scales' ends", () => {
  expect(mostHeld(5_000_000)).toBe(6_250_000);
  expect(mostHeld(0)).toBe(65_535 * 0.015 * (32_768 * 0.02) * 1_000);
});
