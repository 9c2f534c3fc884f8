import { micros, millis, milliwattHours } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ShuntMeter } from "./shunt-meter.js";

const MINUTE = 60_000;
/** 350.01 V and 1,000 A: 350.01 kW, 97,225 mWh a second. */
const VOLTAGE = 23_334;
const AMPS = 50_000;
const PER_SECOND = 350_010 / 3.6;

/** A shunt that reads every 200 ms from `from` to `to` (ms), its own counters as the readings say. */
function shunt(meter: ShuntMeter, current = AMPS, share = 1) {
  const at = { in: 0, out: 0 };
  return (from: number, to: number, over: { in?: number } = {}) => {
    Object.assign(at, over);
    for (let ms = from; ms <= to; ms += 200) {
      meter.accept({
        time: micros(1000 * ms),
        voltage: VOLTAGE,
        current,
        inMwh: milliwattHours(Math.floor(at.in)),
        outMwh: milliwattHours(Math.floor(at.out)),
      });
      const step = (share * PER_SECOND * Math.abs(current / AMPS)) / 5;
      if (current > 0) at.in += step;
      else at.out += step;
    }
  };
}
const spanOf = (taken: ReturnType<ShuntMeter["close"]>) =>
  taken.kind === "span" ? taken.span : taken.reason;

describe("the shunt's meter", () => {
  it("integrates from the last reading of one minute to the last of the next", () => {
    const meter = new ShuntMeter();
    const read = shunt(meter);
    read(100, MINUTE - 100);
    expect(spanOf(meter.closeWindow(millis(MINUTE)))).toEqual({
      t0: 100,
      t1: 59_900,
      in: Math.floor(59.8 * PER_SECOND),
      out: 0,
    });
    read(MINUTE + 100, 2 * MINUTE - 100);
    expect(spanOf(meter.closeWindow(millis(2 * MINUTE)))).toMatchObject({
      t0: 59_900,
      t1: 119_900,
    });
  });

  it("has a minute ready that a reading past its end has closed, whenever it is asked for", () => {
    const meter = new ShuntMeter();
    const read = shunt(meter, -AMPS);
    read(0, MINUTE);
    expect(spanOf(meter.closeWindow(millis(MINUTE)))).toMatchObject({ t0: 0, t1: 59_800, in: 0 });
    read(MINUTE + 200, MINUTE + 10_000);
    expect(spanOf(meter.close(millis(70_000)))).toMatchObject({ t0: 59_800, t1: 70_000 });
  });

  it.each([
    ["silent", (read: ReturnType<typeof shunt>) => read(35_001, 59_800)],
    ["restarted", (read: ReturnType<typeof shunt>) => read(30_200, 59_800, { in: 0 })],
    ["contradiction", (read: ReturnType<typeof shunt>) => read(30_200, 59_800, { in: 3_100_000 })],
  ] as const)(
    "says nothing of a window in which it is %s, and of the next one again",
    (reason, then) => {
      const meter = new ShuntMeter();
      const read = shunt(meter);
      read(0, 30_000);
      then(read);
      expect(spanOf(meter.closeWindow(millis(MINUTE)))).toBe(reason);
      read(MINUTE, 2 * MINUTE - 200);
      expect(spanOf(meter.closeWindow(millis(2 * MINUTE)))).toMatchObject({ t1: 119_800 });
    },
  );

  it("is silent where its last reading is over 5 s before the window's end", () => {
    const meter = new ShuntMeter();
    shunt(meter)(0, 54_800);
    expect(spanOf(meter.closeWindow(millis(MINUTE)))).toBe("silent");
  });

  it("is silent in a window without a reading, but for the one in which listening begins", () => {
    const meter = new ShuntMeter();
    expect(spanOf(meter.closeWindow(millis(MINUTE)))).toBe("short");
    expect(spanOf(meter.closeWindow(millis(2 * MINUTE)))).toBe("silent");
    shunt(meter)(2 * MINUTE, 3 * MINUTE - 200);
    meter.closeWindow(millis(3 * MINUTE));
    expect(spanOf(meter.closeWindow(millis(4 * MINUTE)))).toBe("silent");
  });

  it("is not silent in a window that had no time for two readings", () => {
    const meter = new ShuntMeter();
    const read = shunt(meter);
    read(59_950, 59_950);
    expect(spanOf(meter.closeWindow(millis(MINUTE)))).toBe("short");
    read(60_150, 61_150);
    expect(spanOf(meter.close(millis(61_200)))).toMatchObject({ t0: 59_950, t1: 61_150 });
    expect(spanOf(meter.close(millis(61_300)))).toBe("short");
    expect(spanOf(meter.close(millis(66_151)))).toBe("silent");
  });

  it("starts afresh after an interruption", () => {
    const meter = new ShuntMeter();
    const read = shunt(meter);
    read(0, 10_000);
    meter.interrupt();
    expect(spanOf(meter.close(millis(10_000)))).toBe("short");
    read(20_000, 30_000, { in: 0 });
    expect(spanOf(meter.close(millis(30_000)))).toEqual({
      t0: 20_000,
      t1: 30_000,
      in: Math.floor(10 * PER_SECOND),
      out: 0,
    });
  });

  it("tiles, whatever the times of its readings, and loses no mWh between its spans", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 4_999 }), { minLength: 2, maxLength: 200 }),
        (steps) => {
          const meter = new ShuntMeter();
          let [ms, boundary, energy, end] = [0, MINUTE, 0, 0];
          for (const step of steps) {
            const inMwh = milliwattHours(Math.floor((ms * PER_SECOND) / 1000));
            const point = { voltage: VOLTAGE, current: AMPS, inMwh, outMwh: milliwattHours(0) };
            meter.accept({ ...point, time: micros(1000 * ms) });
            const before = ms;
            ms += step;
            if (ms < boundary || before >= boundary) continue;
            const taken = meter.closeWindow(millis(boundary));
            boundary += MINUTE;
            if (taken.kind !== "span") continue;
            expect(taken.span.t0).toBe(end);
            end = taken.span.t1;
            energy += taken.span.in;
          }
          expect(Math.abs(energy - (end * PER_SECOND) / 1000)).toBeLessThanOrEqual(1);
        },
      ),
    );
  });
});
