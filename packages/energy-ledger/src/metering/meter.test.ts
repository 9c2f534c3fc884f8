import { existsSync, readFileSync } from "node:fs";
import { micros, millis, milliwattHours, slot } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeEntry, encodeEntry } from "../entries/entry.js";
import { ModuleBook } from "../ledger/modules.js";
import { counters, MODULE, NOON, OTHER } from "../samples.fixture.js";
import { type MeterEntry, ModuleMeter, type Reading } from "./meter.js";
import { NOTHING_USED } from "./verdict.js";
import { windowEnd } from "./window.js";

const MINUTE = 60_000;
const START = Math.ceil(NOON / MINUTE) * MINUTE;
const body = Uint8Array.of(1, 2, 3);
const session = new Uint8Array(32).fill(9);

const reading = (ms: number, over: Partial<Reading> = {}): Reading => ({
  time: micros(Math.round(ms * 1_000)),
  voltage: 20_000,
  current: 32_768 - 5_000,
  temperatureLow: 7_000,
  temperatureHigh: 7_500,
  soc: 150,
  counters: counters(0, 0),
  counter: 0,
  type: 1,
  body,
  ...over,
});

function meterOf(resume?: ConstructorParameters<typeof ModuleMeter>[0]["resume"]) {
  const options = { module: MODULE, capacity: milliwattHours(0), authenticated: true };
  const meter = new ModuleMeter({ ...options, resume });
  meter.session(session);
  return meter;
}

const only = (entries: readonly MeterEntry[]) => {
  expect(entries).toHaveLength(1);
  return entries[0]!;
};

describe("an interval", () => {
  it("ends at the last reading before the minute, and the next one starts there", () => {
    const meter = meterOf();
    const done: MeterEntry[] = [];
    for (let i = 0; i <= 300; i += 1) {
      const out = 8 * i;
      done.push(...meter.accept(reading(START + 100 + 200 * i, { counters: counters(0, out) })));
    }
    const first = only(done);
    expect(first.type).toBe("energy.interval");
    expect(first.body).toMatchObject({
      t0: START + 100,
      t1: START + 100 + 200 * 299,
      readings: 300,
      in: 0,
      out: 8 * 299,
      verdict: "suspect", // the readings say 100 A at 300 V, far more than the counters
    });
    const second = only(meter.close());
    expect(second.body).toMatchObject({ t0: START + 59_900, t1: START + 60_100, readings: 1 });
  });

  it("is closed by the window's end when no later reading has closed it", () => {
    const meter = meterOf();
    meter.accept(reading(START + 58_000));
    meter.accept(reading(START + 59_000));
    expect(meter.closeWindow(millis(START))).toEqual([]);
    expect(only(meter.closeWindow(millis(START + MINUTE))).body).toMatchObject({
      t0: START + 58_000,
      t1: START + 59_000,
    });
    expect(meter.closeWindow(millis(START + MINUTE))).toEqual([]);
    expect(meter.accept(reading(START + 60_500))).toEqual([]);
    expect(only(meter.close()).body).toMatchObject({ t0: START + 59_000, t1: START + 60_500 });
  });

  it("carries extremes and both ends of the state of charge", () => {
    const meter = meterOf();
    meter.accept(reading(START, { soc: 200, voltage: 100 }));
    meter.accept(
      reading(START + 10, { soc: 201, voltage: 50, current: 40_000, temperatureLow: 1 }),
    );
    meter.accept(reading(START + 20, { soc: 190, voltage: 70, temperatureHigh: 9_999 }));
    expect(only(meter.close()).body).toMatchObject({
      voltageLow: 50,
      voltageHigh: 100,
      currentLow: 27_768,
      currentHigh: 40_000,
      temperatureLow: 1,
      temperatureHigh: 9_999,
      socStart: 200,
      socEnd: 190,
    });
  });
});

describe("a hole", () => {
  it("is a gap after more than 5 s, and carries the counters' difference", () => {
    const meter = meterOf();
    meter.accept(reading(START));
    expect(meter.accept(reading(START + 5_000, { counters: counters(1, 1) }))).toEqual([]);
    const entries = meter.accept(reading(START + 10_001, { counters: counters(4, 9, 2) }));
    expect(entries.map(({ type }) => type)).toEqual(["energy.interval", "energy.gap"]);
    expect(entries[1]!.body).toMatchObject({
      t0: START + 5_000,
      t1: START + 10_001,
      in: 3,
      out: 8,
      reason: "silence",
    });
  });

  it("is a reset where a counter went back, and a new boot alone is none", () => {
    const meter = meterOf();
    meter.accept(reading(START, { counters: counters(10, 10, 1) }));
    expect(meter.accept(reading(START + 200, { counters: counters(11, 10, 2) }))).toEqual([]);
    const entries = meter.accept(reading(START + 400, { counters: counters(11, 0, 3) }));
    expect(entries.map(({ type }) => type)).toEqual(["energy.interval", "energy.reset"]);
    expect(entries[0]!.body).toMatchObject({ start: { boot: 1 }, end: { boot: 2 } });
    expect(entries[1]!.body).toMatchObject({ start: counters(11, 10, 2), end: counters(11, 0, 3) });
  });

  it("is a reset where a counter wraps at its 48 bits, and where one goes back while the other goes on", () => {
    const most = 2 ** 48 - 1;
    const meter = meterOf();
    meter.accept(reading(START, { counters: counters(most - 2, 50) }));
    expect(meter.accept(reading(START + 200, { counters: counters(most, 50) }))).toEqual([]);
    const entries = meter.accept(reading(START + 400, { counters: counters(1, 53) }));
    expect(entries.map(({ type }) => type)).toEqual(["energy.interval", "energy.reset"]);
    expect(entries[0]!.body).toMatchObject({ in: 2, end: counters(most, 50) });
    expect(entries[1]!.body).toMatchObject({
      t0: START + 200,
      t1: START + 400,
      start: counters(most, 50),
      end: counters(1, 53),
    });
    // From there on it counts as before.
    meter.accept(reading(START + 600, { counters: counters(4, 53) }));
    expect(only(meter.close()).body).toMatchObject({ t0: START + 400, in: 3, out: 0 });
  });

  it("is none where the boot counter begins again at 0", () => {
    const meter = meterOf();
    meter.accept(reading(START, { counters: counters(10, 10, 65_535) }));
    expect(meter.accept(reading(START + 200, { counters: counters(11, 10, 0) }))).toEqual([]);
    expect(only(meter.close()).body).toMatchObject({
      in: 1,
      start: { boot: 65_535 },
      end: { boot: 0 },
    });
  });

  it("is a gap where the meter was interrupted, however short; none is made before the next reading", () => {
    const meter = meterOf();
    meter.accept(reading(START, { counters: counters(1, 0) }));
    meter.accept(reading(START + 200, { counters: counters(2, 0) }));
    expect(only(meter.interrupt()).body).toMatchObject({ t1: START + 200, in: 1 });
    expect([
      ...meter.interrupt(),
      ...meter.close(),
      ...meter.closeWindow(millis(START + MINUTE)),
    ]).toEqual([]);
    const gap = only(meter.accept(reading(START + 400, { counters: counters(5, 0) })));
    expect(gap).toMatchObject({
      type: "energy.gap",
      body: { t0: START + 200, t1: START + 400, in: 3, reason: "away" },
    });
  });

  it("may come before and after readings of one time, and of times that do not rise", () => {
    const meter = meterOf();
    const done: MeterEntry[] = [];
    for (const [i, ms] of [0, 0, 190, 190, 150, 420, 5_000, 5_001, 5_001].entries()) {
      done.push(...meter.accept(reading(START + ms, { counters: counters(0, i) })));
    }
    done.push(...meter.close());
    expect(only(done).body).toMatchObject({ t0: START, t1: START + 5_001, out: 8, readings: 9 });
  });

  it("is a gap after a restart, however short", () => {
    const meter = meterOf({ t1: millis(START), end: counters(100, 200), used: NOTHING_USED });
    const gap = only(meter.accept(reading(START + 300, { counters: counters(100, 207) })));
    expect(gap).toMatchObject({
      type: "energy.gap",
      body: { t0: START, in: 0, out: 7, reason: "away" },
    });
  });

  it("that a clock stepped back over leaves times in order", () => {
    const meter = meterOf({ t1: millis(START), end: counters(0, 0), used: NOTHING_USED });
    const gap = only(meter.accept(reading(START - 8_000)));
    expect(gap.body).toMatchObject({ t0: START, t1: START });
    meter.accept(reading(START - 7_800));
    expect(only(meter.close()).body).toMatchObject({ t0: START, t1: START, integralOut: 0 });
  });
});

/** 4.2 kW (300 V, 14 A) from one moment on, read at 5 Hz: 233 ⅓ mWh pass from a reading to the next. */
describe("a load that steps between two readings", () => {
  const PASSED = 4_200 / 18;
  /** The counters see the step just after the first reading, or just before the second. */
  const verdictAfter = (readings: number, stepAt: "after the first" | "before the second") => {
    const meter = meterOf();
    meter.accept(reading(START, { current: 32_768 }));
    const missed = stepAt === "after the first" ? 0 : 1;
    for (let i = 1; i <= readings; i += 1) {
      const charged = Math.floor((i - missed) * PASSED);
      const current = 32_768 + 700;
      meter.accept(reading(START + 200 * i, { current, counters: counters(charged, 0) }));
    }
    const { body: interval } = only(meter.close());
    expect(interval).toMatchObject({ readings: readings + 1 });
    return "verdict" in interval ? interval.verdict : undefined;
  };

  it.each([
    ["after the first", 7, "suspect"],
    ["after the first", 8, "consistent"],
    ["before the second", 8, "suspect"],
    ["before the second", 9, "consistent"],
    ["after the first", 299, "consistent"],
    ["before the second", 299, "consistent"],
  ] as const)(
    "%s: ½ · 4.2 kW · 0.2 s = 117 mWh apart after %i readings are %s",
    (at, n, verdict) => {
      expect(verdictAfter(n, at)).toBe(verdict);
    },
  );
});

describe("readings", () => {
  it("without what their link promises are refused", () => {
    const meter = meterOf();
    expect(() => meter.accept(reading(START, { counters: undefined }))).toThrow(/has no counters/);
    const options = { module: OTHER, capacity: milliwattHours(0) };
    const early = new ModuleMeter({ ...options, authenticated: true });
    expect(() => early.accept(reading(START))).toThrow(/before its link session/);
    const legacy = new ModuleMeter({ ...options, authenticated: false });
    expect(() => legacy.accept(reading(START))).toThrow(/nothing authenticates/);
  });

  it("of a legacy module have the integral only and never earn", () => {
    const options = { module: OTHER, capacity: milliwattHours(0), authenticated: false };
    const meter = new ModuleMeter(options);
    for (let i = 0; i < 20; i += 1) meter.accept(reading(START + 200 * i, { counters: undefined }));
    const { body: interval } = only(meter.close());
    expect(interval).toMatchObject({
      start: undefined,
      end: undefined,
      digest: undefined,
      out: 31_666, // 300 V × 100 A × 3.8 s
      integralOut: 31_666,
      verdict: "unauthenticated",
    });
  });
});

const step = fc.record({
  wait: fc.oneof(fc.integer({ min: 0, max: 400_000 }), fc.integer({ min: 0, max: 90_000_000 })),
  inward: fc.nat(50),
  out: fc.nat(50),
  what: fc.constantFrom("on", "on", "on", "on", "restart", "reset", "boot", "window", "close"),
});
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** A module's true counters beside its meter, and the ledger's rules that its entries have to pass. */
class MeteredModule {
  readonly book = new ModuleBook();
  readonly recorded = { in: 0, out: 0 };
  /** What resets hid. */
  lost = 0;
  first: ReturnType<typeof counters> | undefined;
  now = counters(1_000, 1_000);
  #meter = meterOf();
  #us = START * 1_000;

  constructor() {
    const [moduleKey, packKey] = [new Uint8Array(32), new Uint8Array(32)];
    const capacity = milliwattHours(0);
    this.book.pair({ module: MODULE, slot: slot(1), bus: 0, moduleKey, packKey, capacity });
  }

  step({ wait, inward, out, what }: Step): void {
    this.#us += wait;
    this.#count(inward, out, what);
    if (what === "close") this.close();
    if (what === "window") {
      this.#take(this.#meter.closeWindow(windowEnd(millis(Math.floor(this.#us / 1_000)))));
    }
    if (what === "restart") {
      const end = this.book.end(MODULE);
      if (end === undefined) this.first = undefined;
      this.#meter = meterOf(end);
    }
    this.first ??= this.now;
    this.#take(this.#meter.accept(reading(this.#us / 1_000, { counters: this.now })));
  }

  #count(inward: number, out: number, what: Step["what"]): void {
    const { in: oldIn, out: oldOut, boot } = this.now;
    this.now = counters(oldIn + inward, oldOut + out, what === "boot" ? boot + 1 : boot);
    if (what !== "reset") return;
    this.now = counters(Math.max(0, oldIn - 1), oldOut, boot + 1);
    this.lost += oldIn - this.now.in;
  }

  close(): void {
    this.#take(this.#meter.close());
  }

  #take(entries: readonly MeterEntry[]): void {
    for (const entry of entries) {
      const timed = { ...entry, timeMs: millis(0) };
      expect(decodeEntry(encodeEntry(timed))).toEqual(timed);
      this.#record(entry);
    }
  }

  #record(entry: MeterEntry): void {
    if (entry.type === "energy.reset") {
      this.book.reset(entry.body, entry.body.t1);
      return;
    }
    if (entry.type === "energy.interval") this.book.interval(entry.body, entry.body.t1, 1);
    else this.book.gap(entry.body, entry.body.t1);
    this.recorded.in += entry.body.in;
    this.recorded.out += entry.body.out;
  }
}

it("tiles time and counters whatever happens: silence, restarts, resets, lost windows", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 150 }), (steps) => {
      const module = new MeteredModule();
      for (const each of steps) module.step(each);
      module.close();
      expect(module.book.end(MODULE)?.end).toEqual(module.now);
      const { first, now, lost } = module;
      if (lost > 0) return;
      expect(module.recorded).toEqual({ in: now.in - first!.in, out: now.out - first!.out });
    }),
    { numRuns: 200 },
  );
});

const DRIVES = new URL("../../../../../shared/data/bmw-i3/", import.meta.url);
const skipped = (name: string) =>
  existsSync(new URL(name, DRIVES)) ? "" : ` (skipped: ../shared/data/bmw-i3/${name} is absent)`;

describe.each(["TripB02.csv", "TripA04.csv"])("the recorded drive %s", (name) => {
  const absent = skipped(name);
  it.skipIf(absent !== "")(`is metered within 0.2 % of its own integral${absent}`, () => {
    const rows = readFileSync(new URL(name, DRIVES), "utf8").trim().split("\n").slice(1);
    const samples = rows.map((row) => row.split(",").map(Number) as [number, number, number]);
    const exact = { in: 0, out: 0 };
    for (let i = 1; i < samples.length; i += 1) {
      const [t0, v0, a0] = samples[i - 1]!;
      const [t1, v1, a1] = samples[i]!;
      const hours = (t1 - t0) / 3_600;
      exact.in += ((Math.max(v0 * a0, 0) + Math.max(v1 * a1, 0)) / 2) * hours;
      exact.out += ((Math.max(-v0 * a0, 0) + Math.max(-v1 * a1, 0)) / 2) * hours;
    }
    const metered = { in: 0, out: 0 };
    const shares = [0.13, 0.12, 0.125, 0.125, 0.115, 0.135, 0.13, 0.12];
    for (const share of shares) {
      const options = { module: OTHER, capacity: milliwattHours(0), authenticated: false };
      const meter = new ModuleMeter(options);
      const entries = samples.flatMap(([t, volts, amps]) =>
        meter.accept(
          reading(START + t * 1_000, {
            voltage: Math.round(volts / 0.015),
            current: 32_768 + Math.round((amps * share) / 0.02),
            counters: undefined,
          }),
        ),
      );
      for (const { body: done } of [...entries, ...meter.close()]) {
        if (!("integralIn" in done)) throw new Error("a hole in the recording");
        metered.in += done.integralIn / 1_000;
        metered.out += done.integralOut / 1_000;
      }
    }
    expect(Math.abs(metered.in / exact.in - 1)).toBeLessThan(0.002);
    expect(Math.abs(metered.out / exact.out - 1)).toBeLessThan(0.002);
  });
});
