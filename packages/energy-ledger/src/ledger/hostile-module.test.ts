/** What modules, or a gateway, may say that cannot be: what is refused, what counts, and that the books stay open. */
import { InvariantViolation, micros, millis, milliwattHours } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import { MAX_ENERGY, MOST_NET } from "../codec/scalars.js";
import { DAY, foldOf, MINUTE, readyLog, START, TestLog } from "../ledger.fixture.js";
import { intervalsOf, Metered } from "../metered.fixture.js";
import { CURRENT_ZERO } from "../metering/integral.js";
import { LONGEST_INTERVAL } from "../metering/limits.js";
import { counters, MODULE, OTHER } from "../samples.fixture.js";
import { WindowBook } from "./windows.js";

const mwh = milliwattHours;
const CAPACITY = 20_000_000;
const HELD = 25_000_000;
const refusal = (code: string, reason: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(reason) });

describe("charge out of nothing", () => {
  /** At 0 A: a counter goes back by one and starts a new interval, then the other one grows by 100 mWh. */
  function attack(seconds: number, restarts: boolean) {
    const metered = new Metered(readyLog(["attested"], {}, CAPACITY), CAPACITY);
    const { log } = metered;
    const said = { in: 1_000, out: 1_000_000 };
    for (let k = 0; k < 10 * seconds; k += 1) {
      if (k > 0 && k % 600 === 0) metered.closeBooks("minute");
      if (k % 2 === 0) said.out -= 1;
      else said.in += 100;
      metered.hear(MODULE, micros((START + 100 * k) * 1_000), said);
      log.now = START + 100 * (k + 1);
      if (restarts && k % 100 === 0) {
        metered.closeBooks("early");
        metered.restart();
      }
    }
    metered.closeBooks("early");
    return log;
  }

  it.each([
    ["resets alone", false],
    ["restarts and windows closed early as well", true],
  ])("earns 100 mWh a minute and module at most, and one per cent: with %s", (_, restarts) => {
    const log = attack(59, restarts);
    expect(intervalsOf(log).length).toBeGreaterThan(290);
    const { eligible, atp, deficit } = log.summary;
    expect(eligible + atp).toBeLessThanOrEqual(101);
    expect(eligible + atp).toBeGreaterThan(0);
    expect(deficit).toBe(0);
    const longer = attack(179, restarts).summary;
    expect(longer.eligible + longer.atp).toBeLessThanOrEqual(303);
  });

  it("is no more where a gateway calls it consistent all the same", () => {
    const log = readyLog();
    const off = { integralIn: mwh(0) };
    log.interval(60, 0, off);
    log.now += 1_000;
    expect(() => log.interval(60, 0, off)).toThrow(refusal("verdict", /figures say suspect/));
    log.interval(60, 0, { ...off, verdict: "suspect" });
    log.window();
    log.now += 1_000;
    expect(() => log.interval(60, 0, off)).toThrow(refusal("verdict", /figures say suspect/));
    log.interval(60, 0, off, OTHER);
    // one that a gateway itself calls suspect has used nothing
    log.now += MINUTE;
    log.interval(60, 0, { ...off, verdict: "suspect" });
    log.now += 1_000;
    log.interval(60, 0, off);
    log.now += MINUTE;
    log.interval(60, 0, off);
  });
});

describe("an interval is refused that", () => {
  it("has more in its integral than its extremes allow", () => {
    const log = new TestLog();
    // 360 V, 100 A for a minute: 600 Wh
    const extremes = {
      voltageHigh: 24_000,
      currentLow: CURRENT_ZERO,
      currentHigh: CURRENT_ZERO + 5_000,
    };
    for (const much of [9_000_000_000, 602_000]) {
      expect(() => log.interval(much, 0, extremes)).toThrow(refusal("record", /extremes/));
    }
    expect(() => log.interval(0, 1, extremes)).toThrow(refusal("record", /extremes/));
    log.interval(600_000, 0, extremes);
  });

  it("has counters beyond what the readings bear out, and says it is consistent", () => {
    const log = new TestLog();
    const extremes = {
      voltageHigh: 24_000,
      currentHigh: CURRENT_ZERO + 5_000,
      currentLow: CURRENT_ZERO,
    };
    const measured = { ...extremes, integralIn: mwh(600_000) };
    expect(() => log.interval(610_000, 0, measured)).toThrow(refusal("verdict", /suspect/));
    log.interval(610_000, 0, { ...measured, verdict: "suspect" });
  });

  it("is longer than a minute and a step, so that no long time excuses much energy", () => {
    const log = new TestLog();
    const t0 = millis(log.now - LONGEST_INTERVAL - 1);
    expect(() => log.interval(1, 0, { t0 })).toThrow(refusal("record", /65001 ms/));
    log.interval(1, 0, { t0: millis(t0 + 1) });
  });

  it("ends after its entry was made; so are a gap and a reset", () => {
    const log = new TestLog();
    const late = (ms: number) => ({ t1: millis(log.now + ms) });
    expect(() => log.interval(1, 0, late(5_001))).toThrow(refusal("time", /after its entry's/));
    log.interval(1, 0);
    const hole = { module: MODULE, t0: log.time, start: counters(1, 0), end: counters(0, 0) };
    const nothing = { in: mwh(0), out: mwh(0), reason: "away" } as const;
    const gap = { ...hole, ...nothing, end: hole.start };
    for (const record of [
      () => log.add("energy.gap", { ...gap, ...late(5_001) }),
      () => log.add("energy.reset", { ...hole, ...late(5_001) }),
    ]) {
      expect(record).toThrow(refusal("time", /after its entry's/));
    }
    log.add("energy.gap", { ...gap, ...late(5_000) });
  });
});

describe("energy that is not proven", () => {
  it("of counters that swing over 48 bits counts once what the module can hold, and the books go on", () => {
    const metered = new Metered(readyLog(["attested"], {}, CAPACITY), CAPACITY);
    const { log } = metered;
    const at = (second: number) => {
      log.now = START + 1_000 * second;
      return micros(log.now * 1_000);
    };
    for (let swing = 0; swing < 9; swing += 1) {
      metered.hear(MODULE, at(2 * swing), { in: 0, out: 0 });
      metered.hear(MODULE, at(2 * swing + 1), { in: 0, out: MAX_ENERGY });
    }
    at(60);
    metered.closeBooks("minute");
    expect(log.summary).toMatchObject({ deficit: HELD, eligible: 0, net: -HELD });
    expect(log.fold.totals).toMatchObject({
      outMwh: HELD,
      uncountedMwh: 9 * MAX_ENERGY - HELD,
    });
    expect(intervalsOf(log).filter(({ out }) => out === MAX_ENERGY)).toHaveLength(9);
    // at the scales' ends 178 mWh a ms: the deficit is repaid, and then it can be charged again
    for (let minute = 0; minute < 3; minute += 1) {
      log.now += MINUTE;
      log.interval(10_000_000, 0, {}, OTHER);
      log.window();
    }
    expect(log.summary).toMatchObject({ deficit: 0, eligible: 5_000_000 });
  });

  it.each([
    ["what it can hold where its capacity is known", CAPACITY, HELD],
    ["an hour of the bus's largest power where it is not", 0, 644_235_264],
  ])("of a gap of days counts %s", (_, capacity, most) => {
    const log = readyLog(["attested"], {}, capacity);
    log.interval(0, 0);
    log.now += 5 * DAY;
    log.gap(900_000_000, 900_000_000);
    log.window();
    expect(log.summary.net).toBe(-most);
    expect(log.fold.totals.uncountedMwh).toBe(2 * (900_000_000 - most));
  });

  it("of a gap counts whole up to that, also where a clock set back has left it no length", () => {
    const log = readyLog(["attested"], {}, CAPACITY);
    log.interval(0, 0);
    log.gap(0, 18_000_000);
    log.now += 1;
    log.window();
    expect(log.summary.net).toBe(-18_000_000);
  });

  it("of a suspect interval that is accepted later counts in as much as the module can hold", () => {
    const log = readyLog(["attested"], {}, CAPACITY);
    log.interval(0, 0);
    log.now += 1_000;
    const integral = { integralIn: mwh(0) };
    const interval = log.interval(MAX_ENERGY, 0, { ...integral, verdict: "suspect" });
    log.add("energy.resolve", { interval, decision: "accept", evidence: "shunt", reason: "" });
    log.window();
    expect(log.summary.net).toBe(HELD);
  });

  it("cannot close a window for ever: beyond its range the sum stands still", () => {
    const log = readyLog(["attested"], {}, MAX_ENERGY);
    for (let minute = 0; minute < 12; minute += 1) {
      log.now += MINUTE;
      const integral = { integralOut: mwh(0) };
      if (minute > 0) log.add("energy.reset", back(log));
      log.interval(0, MAX_ENERGY, {
        ...integral,
        start: counters(0, 0),
        end: counters(0, MAX_ENERGY),
        verdict: "suspect",
      });
      log.window();
    }
    expect(log.summary).toMatchObject({ net: -MOST_NET, deficit: MOST_NET });
    log.now += MINUTE;
    log.interval(70, 0, {}, OTHER);
    log.window();
    expect(log.summary).toMatchObject({ net: 70 - MOST_NET });
  });

  const back = (log: TestLog) => {
    const t1 = log.fold.moduleEnd(MODULE)!.t1;
    return { module: MODULE, t0: t1, t1, start: counters(0, MAX_ENERGY), end: counters(0, 0) };
  };
});

it("keeps as many suspects to be settled as an honest pack makes, and forgoes the oldest beyond", () => {
  const windows = new WindowBook((net) => net);
  const most = 31 * 7 * 24 * 60;
  for (let index = 0; index <= most; index += 1) windows.suspect(index, 1, millis(0));
  const settle = (interval: number) => {
    const settled = { interval, decision: "accept", evidence: "shunt", reason: "" } as const;
    windows.resolve(most + 1, settled, millis(0));
  };
  expect(() => settle(0)).toThrow(expect.objectContaining({ code: "resolve" }));
  settle(1);
});

it("names the entry after which books do not balance", () => {
  const fold = foldOf();
  const broken = new InvariantViolation("an account is negative");
  const document = {
    type: "lct.document",
    timeMs: millis(5),
    body: { sign1: Uint8Array.of(1) },
  } as const;
  fold.apply(0, document);
  fold.apply(1, { type: "epoch.begin", timeMs: millis(5), body: { evidence: Uint8Array.of(1) } });
  Object.defineProperty(fold.society, "apply", {
    value: () => {
      throw broken;
    },
  });
  const attempt = () =>
    fold.apply(2, { type: "society.mint", timeMs: millis(5), body: { sign1: Uint8Array.of(1) } });
  expect(attempt).toThrow(InvariantViolation);
  expect(attempt).toThrow("entry 2 (society.mint): an account is negative");
});
