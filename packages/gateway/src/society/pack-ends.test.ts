import { micros, millis, milliwattHours, moduleUid } from "@wattseal/base";
import { CURRENT_ZERO } from "@wattseal/energy-ledger";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CAPACITY, moduleAt, recording } from "../metering/recording.fixture.js";
import { PackEnds } from "./pack-ends.js";

const MINUTE = 60_000;
/** 350 V. */
const VOLTAGE = 23_333;

/** Modules of 5 kWh at the close of minute `n`; each has just said its state of charge in per cent. */
function pack() {
  const ends = new PackEnds();
  const at = (
    minute: number,
    socs: readonly number[],
    { amps = 0, ageMs = 0, capacity = CAPACITY } = {},
  ) => {
    const now = millis(1_800_000_000_000 + Math.round(minute * MINUTE));
    const time = micros((now - ageMs) * 1000);
    const current = CURRENT_ZERO + Math.round(amps * 50);
    const modules = socs.map((soc) => ({
      ratedCapacity: capacity,
      reading: { time, soc: soc * 2, voltage: VOLTAGE, current },
    }));
    return ends.arrived(modules, now);
  };
  return { ends, at };
}

describe("a pack's arrival at an end of its range", () => {
  it("is told once, when every module is there", () => {
    const { at } = pack();
    expect(at(1, [90, 50])).toBeUndefined();
    expect(at(2, [100, 99.5])).toBeUndefined();
    expect(at(3, [100, 100])).toBe("full");
    expect(at(4, [100, 100])).toBeUndefined();
    expect(at(20, [0, 4])).toBeUndefined();
    expect(at(21, [0, 0])).toBe("empty");
    expect(at(22, [0, 0])).toBeUndefined();
  });

  it("is not told again while the pack hovers there, only after 5 % away from it", () => {
    const { at } = pack();
    at(0, [50]);
    expect(at(1, [100])).toBe("full");
    for (let minute = 2; minute < 60; minute += 1) {
      expect(at(minute, [minute % 2 === 0 ? 95.5 : 100])).toBeUndefined();
    }
    expect(at(60, [95])).toBeUndefined();
    expect(at(61, [100])).toBe("full");
  });

  it("is not what a gateway finds at its start", () => {
    const { at } = pack();
    for (let minute = 0; minute < 5; minute += 1) expect(at(minute, [100])).toBeUndefined();
    expect(at(5, [0])).toBe("empty");
  });

  it("waits for more than a window after the last", () => {
    const { at } = pack();
    at(0, [50]);
    expect(at(1, [100])).toBe("full");
    expect(at(1.5, [0])).toBeUndefined();
    expect(at(2, [0])).toBeUndefined();
    expect(at(3, [0])).toBe("empty");
  });

  it("is one at rest: at most what would fill it in 20 hours flows", () => {
    // 5 kWh: 250 W, which at 350 V is 0.714 A
    for (const amps of [0.72, -0.72, 10]) {
      const { at } = pack();
      at(0, [50]);
      expect(at(1, [100], { amps })).toBeUndefined();
      expect(at(2, [100], { amps: Math.sign(amps) * 0.7 })).toBe("full");
    }
  });

  it("is one that is heard: nothing is older than 5 s, and every module has spoken", () => {
    const { at, ends } = pack();
    at(0, [50]);
    expect(at(1, [100], { ageMs: 5001 })).toBeUndefined();
    const silent = { ratedCapacity: CAPACITY, reading: undefined };
    expect(ends.arrived([silent], millis(1_800_000_000_000 + 2 * MINUTE))).toBeUndefined();
    expect(ends.arrived([], millis(1_800_000_000_000 + 2 * MINUTE))).toBeUndefined();
    expect(at(3, [100], { ageMs: 5000 })).toBe("full");
  });

  it("is unknown where a capacity is", () => {
    const { at } = pack();
    at(0, [50]);
    expect(at(1, [100], { capacity: milliwattHours(0) })).toBeUndefined();
  });

  it("is never told twice without having been away, and never within a window, whatever modules say", () => {
    const soc = fc.constantFrom(0, 0.5, 4.5, 5, 50, 95, 95.5, 99.5, 100);
    const step = fc.tuple(fc.array(soc, { minLength: 2, maxLength: 2 }), fc.integer({ min: 1 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { at } = pack();
        const away = { full: false, empty: false };
        let seconds = 0;
        let last = Number.NEGATIVE_INFINITY;
        for (const [socs, wait] of steps) {
          seconds += 1 + (wait % 120);
          const told = at(seconds / 60, socs);
          if (told !== undefined) {
            expect(away[told]).toBe(true);
            expect(socs).toEqual(told === "full" ? [100, 100] : [0, 0]);
            expect(seconds - last).toBeGreaterThan(60);
            away[told] = false;
            last = seconds;
          }
          away.full ||= socs.some((one) => one <= 95);
          away.empty ||= socs.some((one) => one >= 5);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("the books at an end of the range", () => {
  /** A minute of readings of two modules at these per cent, that move no energy. */
  async function packOf(legacy: Parameters<typeof recording>[1] = []) {
    const recorded = await recording([moduleAt(1), moduleAt(2)], legacy);
    const { clock, modules, read, recorder, writer } = recorded;
    const stay = async (...socs: readonly number[]) => {
      for (let second = 0; second < 60; second += 1) {
        clock.advance(1000);
        for (const [i, soc] of socs.entries()) {
          read(modules[i]!, 0, { in: 0, out: 0 }, recorder, soc);
        }
      }
      await writer.settled();
    };
    return { ...recorded, stay };
  }

  it("are set to the measured stock after the window, once an arrival", async () => {
    const { stay, entries, log, complaints } = await packOf();
    await stay(50, 50);
    await stay(60, 60);
    for (let minute = 0; minute < 4; minute += 1) await stay(100, minute % 2 === 0 ? 100 : 99.5);
    const full = { kind: "full", stock: 2 * CAPACITY };
    expect(entries("energy.reconcile")).toEqual([
      expect.objectContaining({ kind: "opening", stock: CAPACITY }),
      expect.objectContaining(full),
    ]);
    expect(log.fold.summary()).toMatchObject({
      unclaimed: 2 * CAPACITY,
      recordedLoss: 0 - CAPACITY,
    });
    await stay(0, 0);
    await stay(0, 0);
    expect(entries("energy.reconcile").slice(2)).toEqual([
      expect.objectContaining({ kind: "empty", stock: 0 }),
    ]);
    expect(log.fold.summary()).toMatchObject({ unclaimed: 0, recordedLoss: CAPACITY });
    expect(complaints).toEqual([]);
  });

  it("tell an operator of lots that turn out not to be there", async () => {
    const { stay, run, read, modules, writer, log, books, clock } = await packOf();
    for (const module of modules) read(module, 30, { in: 0, out: 0 });
    run(modules[0]!, 181, 30, { in: 0, out: 0 });
    await writer.settled();
    const { atp } = log.fold.summary();
    expect(atp).toBeGreaterThan(100_000);
    expect(books.waste).toEqual({ alerts: 0 });
    await stay(0, 0);
    await stay(0, 0);
    expect(log.fold.summary()).toMatchObject({ atp: 0, wasted: atp });
    expect(books.waste).toMatchObject({ alerts: 1, last: { mwh: atp } });
    expect(clock.now() - books.waste.last!.time).toBeLessThan(120_000);
  });

  it("are left alone while a module is silent, and on a bus with modules that nobody authenticates", async () => {
    const silent = await packOf();
    await silent.stay(50, 50);
    await silent.stay(50, 50);
    await silent.stay(100);
    await silent.stay(100);
    expect(silent.entries("energy.reconcile")).toHaveLength(1);

    const mixed = await packOf([{ uid: moduleUid("0a0b000078563412"), capacity: CAPACITY }]);
    for (const soc of [50, 50, 100, 100]) await mixed.stay(soc, soc);
    expect(mixed.entries("energy.reconcile")).toHaveLength(1);
  });
});
