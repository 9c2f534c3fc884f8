/** Intervals that take longer than a minute: the same readings make the same energy, and the same verdict. */
import { micros, millis, milliwattHours } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { restored, TestLog } from "../ledger.fixture.js";
import { counters, MODULE } from "../samples.fixture.js";
import { CURRENT_ZERO } from "./integral.js";
import { type MeterEntry, ModuleMeter } from "./meter.js";
import { WINDOW, windowEnd } from "./window.js";

const HOUR = 60 * WINDOW;
/** On a UTC hour, after the log begins. */
const START = 472_223 * HOUR;
const session = new Uint8Array(32);

interface Told {
  readonly us: number;
  readonly current: number;
  readonly in: number;
  readonly out: number;
  readonly boot: number;
}

/** One module before a log that refuses what contradicts it. */
class Metered {
  readonly log = new TestLog();
  readonly sums = { in: 0, out: 0, integralIn: 0, integralOut: 0, holes: 0, intervals: 0 };
  readonly verdicts = new Set<string>();
  readonly #meter = new ModuleMeter({
    module: MODULE,
    capacity: milliwattHours(0),
    authenticated: true,
  });

  constructor() {
    this.#meter.session(session);
  }

  at(minutes: number): void {
    if (minutes === this.log.fold.resolution) return;
    this.close();
    this.log.add("energy.resolution", { minutes, reason: "test", detail: "" });
    this.#meter.closeEvery(minutes);
  }

  hear({ us, current, in: inward, out, boot }: Told): void {
    this.log.now = Math.max(this.log.now, Math.floor(us / 1_000));
    const raw = { voltage: 23_333, temperatureLow: 8_000, temperatureHigh: 8_000, soc: 100 };
    const pdu = { counter: 0, type: 1, body: new Uint8Array(42) };
    const told = { ...raw, ...pdu, current, counters: counters(inward, out, boot) };
    this.#take(this.#meter.accept({ ...told, time: micros(us) }));
  }

  minute(): void {
    const { fold, time } = this.log;
    if (windowEnd(time) % (fold.resolution * WINDOW) !== 0) return;
    this.#take(this.#meter.closeWindow(windowEnd(time)));
  }

  close(): void {
    this.#take(this.#meter.close());
  }

  #take(entries: readonly MeterEntry[]): void {
    for (const { type, body } of entries) {
      if (type === "energy.interval") {
        this.log.add(type, body);
        this.verdicts.add(body.verdict);
        this.sums.intervals += 1;
        this.sums.integralIn += body.integralIn;
        this.sums.integralOut += body.integralOut;
      } else if (type === "energy.gap") this.log.add(type, body);
      else this.log.add(type, body);
      if (type !== "energy.interval") this.sums.holes += 1;
      if (type === "energy.reset") continue;
      this.sums.in += body.in;
      this.sums.out += body.out;
    }
  }
}

const reading = fc.record({
  wait: fc.oneof(
    { weight: 9, arbitrary: fc.integer({ min: 200_000, max: 5_000_000 }) },
    fc.integer({ min: 5_000_001, max: 90_000_000 }),
  ),
  repeat: fc.integer({ min: 1, max: 400 }),
  current: fc.constantFrom(0, CURRENT_ZERO - 40, CURRENT_ZERO, CURRENT_ZERO + 1, 65_535),
  in: fc.nat(90),
  out: fc.nat(90),
  goesBack: fc.integer({ min: 0, max: 60 }).map((n) => n === 0),
  minutes: fc.option(fc.constantFrom(1, 2, 5, 10, 30, 60), { nil: undefined, freq: 3 }),
});

it("make neither more energy nor less, in counters, integral and holes, whenever the resolution changes", () => {
  fc.assert(
    fc.property(fc.array(reading, { minLength: 1, maxLength: 12 }), (steps) => {
      const [fine, coarse] = [new Metered(), new Metered()];
      let told: Told = { us: 1_000 * START, current: CURRENT_ZERO, in: 0, out: 0, boot: 1 };
      for (const step of steps) {
        if (step.minutes !== undefined) coarse.at(step.minutes);
        for (let i = 0; i < step.repeat; i += 1) {
          const us = told.us + step.wait;
          if (step.goesBack && i === 0) told = { ...told, in: 0, out: 0, boot: told.boot + 1 };
          const { in: inward, out } = told;
          told = { ...told, us, current: step.current, in: inward + step.in, out: out + step.out };
          fine.hear(told);
          coarse.hear(told);
        }
        fine.minute();
        coarse.minute();
      }
      fine.close();
      coarse.close();
      const { intervals: many, ...finely } = fine.sums;
      const { intervals: few, ...coarsely } = coarse.sums;
      expect(coarsely).toEqual(finely);
      expect(few).toBeLessThanOrEqual(many + 12);
      expect(coarse.log.fold.moduleEnd(MODULE)?.end).toEqual(fine.log.fold.moduleEnd(MODULE)?.end);
    }),
    { numRuns: 60 },
  );
});

/** Hours in which the counters move by `watts`, and every reading says that no current flows. */
function unheard(watts: number, minutes: number, hours = 2): Metered {
  const pack = new Metered();
  pack.at(minutes);
  for (let second = 0; second < hours * 3_600; second += 1) {
    const out = Math.floor((watts * second * 1_000) / 3_600);
    const us = 1_000 * START + 1_000_000 * second;
    pack.hear({ us, current: CURRENT_ZERO, in: 0, out, boot: 1 });
  }
  pack.close();
  return pack;
}

describe("an aggregated interval", () => {
  it.each([1, 10, 60])(
    "of what is below a step of current is as good as each of its minutes: %i",
    (minutes) => {
      expect(unheard(5, minutes).verdicts).toEqual(new Set(["consistent"]));
      const { verdicts, sums } = unheard(7, minutes);
      expect(verdicts).toContain("suspect");
      expect(sums.intervals).toBe(120 / minutes);
    },
  );

  it("gives no more tolerance than its minutes have, however often the resolution changes", () => {
    const pack = new Metered();
    // Ten minutes, of which 1,000 mWh may differ; then, in the minute in which they ended, nothing more.
    pack.at(10);
    const hear = (ms: number, out: number) =>
      pack.hear({ us: 1_000 * (START + ms), current: CURRENT_ZERO, in: 0, out, boot: 1 });
    for (let ms = 0; ms <= 9 * WINDOW + 1_000; ms += 1_000) hear(ms, ms === 0 ? 0 : 900);
    pack.at(60);
    expect(pack.verdicts).toEqual(new Set(["consistent"]));
    hear(9 * WINDOW + 2_000, 1_011);
    pack.at(10);
    expect(pack.verdicts).toContain("suspect");
  });
});

describe("energy.resolution", () => {
  const pack = (minutes: number) => {
    const log = new TestLog();
    log.add("energy.resolution", { minutes, reason: "disk-pressure", detail: "" });
    return log;
  };

  it("is in force over epochs and snapshots until the next one", () => {
    const log = pack(10);
    log.begin();
    expect(log.fold.resolution).toBe(10);
    expect(restored(log.fold).resolution).toBe(10);
    log.add("energy.resolution", { minutes: 1, reason: "room", detail: "" });
    expect(restored(log.fold).resolution).toBe(1);
  });

  it("divides the hour and says something new", () => {
    const log = pack(10);
    const code = { code: "resolution" };
    const say = (minutes: number) => () =>
      log.add("energy.resolution", { minutes, reason: "test", detail: "" });
    expect(say(10)).toThrow(expect.objectContaining(code));
    expect(say(7)).toThrow(expect.objectContaining(code));
    expect(say(61)).toThrow(/from 1 to 60/);
    expect(log.fold.resolution).toBe(10);
  });

  /** A log in which the last interval before ended at `t0`. */
  function upTo(t0: number, minutes: number | undefined): TestLog {
    const log = new TestLog();
    log.now = t0;
    log.interval(0, 0);
    if (minutes !== undefined) {
      log.add("energy.resolution", { minutes, reason: "test", detail: "" });
    }
    return log;
  }
  const next = (log: TestLog, t0: number, t1: number) => {
    log.now = t1;
    const end = log.fold.moduleEnd(MODULE)?.end;
    const times = { t0: millis(t0), t1: millis(t1), start: end, end };
    return () => log.add("energy.interval", { ...INTERVAL, ...times });
  };
  const INTERVAL = {
    module: MODULE,
    ...{ in: milliwattHours(0), out: milliwattHours(0) },
    ...{ integralIn: milliwattHours(0), integralOut: milliwattHours(0) },
    ...{ voltageLow: 0, voltageHigh: 0, currentLow: 0, currentHigh: 0 },
    ...{ temperatureLow: 0, temperatureHigh: 0, socStart: 0, socEnd: 0, readings: 1 },
    digest: new Uint8Array(32),
    verdict: "consistent" as const,
  };

  it("lets an interval fill its part of the hour, and a step before it", () => {
    expect(next(upTo(START - 5_000, 10), START - 5_000, START + 599_999)).not.toThrow();
    expect(next(upTo(START - 5_000, 60), START - 5_000, START + HOUR - 1)).not.toThrow();
    const record = expect.objectContaining({ code: "record" });
    expect(next(upTo(START - 5_001, 10), START - 5_001, START + 599_999)).toThrow(record);
    expect(next(upTo(START - 5_000, 10), START - 5_000, START + 605_001)).toThrow(record);
    expect(next(upTo(START - 5_000, undefined), START - 5_000, START + 60_001)).toThrow(record);
  });
});

it("ops.loss is of a time before its entry", () => {
  const log = new TestLog();
  const loss = (from: number, until: number) => () =>
    log.add("ops.loss", {
      what: "evidence",
      from: millis(from),
      until: millis(until),
      reason: "disk-pressure",
      detail: "",
    });
  expect(loss(log.now - 1_000, log.now + 5_000)).not.toThrow();
  expect(loss(log.now, log.now - 1)).toThrow(expect.objectContaining({ code: "time" }));
  expect(loss(log.now, log.now + 5_001)).toThrow(expect.objectContaining({ code: "time" }));
});
