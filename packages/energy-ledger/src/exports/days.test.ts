import { millis, milliwattHours } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import { decodeEntry } from "../entries/entry.js";
import { DAY, MINUTE, TestLog } from "../ledger.fixture.js";
import { SAMPLES } from "../samples.fixture.js";
import { DayMeter, type LedgerDay } from "./days.js";

function daysOf(log: TestLog, until = log.entries.length): LedgerDay[] {
  const meter = new DayMeter();
  return log.entries.slice(0, until).flatMap((bytes, index) => {
    const root = () => new Uint8Array(32).fill(index);
    const moment = { synchronised: index < 30, softwareVersion: "0.1.0", root };
    return meter.take(index, decodeEntry(bytes), moment) ?? [];
  });
}

const midnightAfter = (time: number) => Math.ceil(time / DAY) * DAY;

describe("a day of the log", () => {
  it("is told once a window after it is there, and says the same whenever it is told", () => {
    const log = new TestLog();
    log.minute(100, 3);
    const last = log.minute(20, 1);
    expect(last).toBeUndefined();
    const size = log.fold.size;
    expect(daysOf(log)).toEqual([]);
    log.now = midnightAfter(log.now);
    log.minute(7, 0);
    const days = daysOf(log);
    expect(days).toHaveLength(1);
    expect(days[0]).toMatchObject({
      page: 1,
      begin: { inMwh: 0, outMwh: 0 },
      end: { inMwh: 120, outMwh: 4 },
      leftOut: { inMwh: 0, outMwh: 0, resets: 0 },
      last: size - 1,
      root: new Uint8Array(32).fill(size - 1),
    });
    log.now += 3 * DAY;
    log.minute(1, 1);
    expect(daysOf(log)[0]).toEqual(days[0]);
  });

  it("goes on where the day before ended: pages without a gap, registers without a step", () => {
    const log = new TestLog();
    for (let day = 0; day < 4; day += 1) {
      log.minute(10 + day, day);
      log.now += (1 + (day % 2)) * DAY;
    }
    const days = daysOf(log);
    expect(days.map(({ page }) => page)).toEqual([1, 2, 3]);
    for (const [i, day] of days.entries()) {
      if (i > 0) expect(day.begin).toEqual(days[i - 1]!.end);
      expect(day.first).toBeGreaterThan(days[i - 1]?.last ?? 0);
    }
    expect(days[2]!.end).toMatchObject({ inMwh: 33, outMwh: 3 });
  });

  it("says the same to who goes on after a day that was told", () => {
    const log = new TestLog();
    for (let day = 0; day < 4; day += 1) {
      log.minute(10 + day, day);
      log.minute(5, 0);
      log.now += DAY;
    }
    const days = daysOf(log);
    for (const told of days) {
      const meter = new DayMeter(told);
      const from = told.last + 1;
      const later = log.entries.slice(from).flatMap((bytes, i) => {
        const index = from + i;
        const root = () => new Uint8Array(32).fill(index);
        const moment = { synchronised: index < 30, softwareVersion: "0.1.0", root };
        return meter.take(index, decodeEntry(bytes), moment) ?? [];
      });
      expect(later).toEqual(days.slice(told.page));
    }
  });

  it("stays exact where a module says any counter: what is left out stops at 2^53 - 1", () => {
    const meter = new DayMeter();
    const moment = { synchronised: true, softwareVersion: "", root: () => new Uint8Array(32) };
    const gap = SAMPLES.find(({ type }) => type === "energy.gap")!;
    const window = SAMPLES.find(({ type }) => type === "energy.window")!;
    if (gap.type !== "energy.gap" || window.type !== "energy.window") throw new Error("no samples");
    const most = milliwattHours(2 ** 48 - 1);
    for (let i = 0; i < 40; i += 1) {
      meter.take(i, { ...gap, body: { ...gap.body, in: most, out: most } }, moment);
    }
    meter.take(40, window, moment);
    const { t0, t1 } = window.body;
    const later = { ...window.body, t0: millis(t0 + DAY), t1: millis(t1 + DAY) };
    expect(meter.take(41, { ...window, body: later }, moment)?.leftOut).toEqual({
      inMwh: Number.MAX_SAFE_INTEGER,
      outMwh: Number.MAX_SAFE_INTEGER,
      resets: 0,
    });
  });

  it("keeps the window that ends at its midnight", () => {
    const log = new TestLog();
    const midnight = midnightAfter(log.now);
    log.now = midnight - 2 * MINUTE;
    log.minute(1, 0);
    log.minute(2, 0);
    expect(log.now).toBe(midnight);
    log.minute(4, 0);
    const [day] = daysOf(log);
    expect(day).toMatchObject({ start: midnight - DAY, end: { time: midnight, inMwh: 3 } });
  });

  it("leaves out what the pack's shunt does not bear out, and keeps what it does", () => {
    const log = new TestLog();
    const check = (inMwh: number) => {
      const times = { t0: (log.now - MINUTE) as never, t1: log.time };
      const shunt = { shunt: "pack-shunt", ...times, in: inMwh as never, out: 0 as never };
      log.add("energy.check", log.fold.nextCheck(shunt)!);
    };
    log.now += MINUTE;
    log.interval(1_000, 3);
    check(1_000);
    log.window();
    log.now += MINUTE;
    log.interval(50_000, 7);
    check(0);
    log.window();
    log.now += DAY;
    log.minute(1, 0);
    expect(daysOf(log)[0]).toMatchObject({
      end: { inMwh: 1_000, outMwh: 3 },
      leftOut: { inMwh: 50_000, outMwh: 7, resets: 0 },
    });
  });

  it("leaves out what is not consistent, and says how much that is", () => {
    const log = new TestLog();
    log.minute(10, 10);
    log.now += MINUTE;
    log.interval(50_000, 1, { integralIn: 0 as never, verdict: "suspect" });
    log.window();
    log.now += MINUTE;
    log.gap(7, 9);
    log.window();
    log.now += DAY;
    log.minute(1, 0);
    expect(daysOf(log)[0]).toMatchObject({
      end: { inMwh: 10, outMwh: 10 },
      leftOut: { inMwh: 50_007, outMwh: 10, resets: 0 },
    });
  });
});
