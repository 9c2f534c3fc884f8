import { millis, milliwattHours } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import type { EnergyCheck } from "../entries/energy.js";
import { decodeEntry } from "../entries/entry.js";
import { DAY, foldOf, MINUTE, readyLog, refused, type TestLog } from "../ledger.fixture.js";
import { MODULE, OTHER } from "../samples.fixture.js";

const mwh = milliwattHours;

/** What a shunt that read along since the last minute would make. */
function reading(log: TestLog, inward: number, out: number) {
  const [t0, t1] = [millis(log.now - MINUTE), log.time];
  return { shunt: "pack-shunt", t0, t1, in: mwh(inward), out: mwh(out) };
}
function check(log: TestLog, inward: number, out: number, over: Partial<EnergyCheck> = {}): number {
  const body = log.fold.nextCheck(reading(log, inward, out))!;
  return log.add("energy.check", { ...body, ...over });
}
const accept = (log: TestLog, interval: number) =>
  log.add("energy.resolve", { interval, decision: "accept", evidence: "lab", reason: "" });

/** A minute of two modules. */
function twoModules(log: TestLog, a: [number, number], b: [number, number]): readonly number[] {
  log.now += MINUTE;
  return [log.interval(...a), log.interval(...b, {}, OTHER)];
}

describe("the pack's shunt", () => {
  it("bears out what the modules say together, within 1 % and 100 mWh", () => {
    for (const [shunt, verdict] of [
      [10_000, "consistent"],
      [10_300, "consistent"],
      [10_301, "suspect"],
      [9_700, "consistent"],
      [9_699, "suspect"],
    ] as const) {
      const log = readyLog();
      twoModules(log, [15_000, 0], [0, 5_000]);
      expect(log.fold.nextCheck(reading(log, shunt, 0))).toMatchObject({ verdict, count: 2 });
      const wrong = verdict === "suspect" ? "consistent" : "suspect";
      refused(log, "check", () => check(log, shunt, 0, { verdict: wrong }));
      check(log, shunt, 0);
      expect(log.fold.nextWindow(log.time).net).toBe(verdict === "suspect" ? -5_000 : 10_000);
    }
  });

  it("sees nothing of what circulates between modules", () => {
    const log = readyLog();
    twoModules(log, [50_000, 0], [0, 50_000]);
    check(log, 0, 0);
    log.window();
    expect(log.summary).toMatchObject({ eligible: 0, deficit: 0, net: 0 });
  });

  it("makes suspects of all that it does not bear out, whose in counts once each is settled", () => {
    const log = readyLog();
    const [first, second] = twoModules(log, [900, 10], [700, 0]);
    const at = check(log, 900, 0);
    expect(log.fold.nextWindow(log.time)).toMatchObject({ first, count: 3, net: -10 });
    log.window();
    expect(log.summary).toMatchObject({ eligible: 0, deficit: 10 });
    accept(log, first!);
    refused(log, "resolve", () => accept(log, first!));
    refused(log, "resolve", () => accept(log, at));
    log.now += MINUTE;
    log.window();
    expect(log.summary).toMatchObject({ eligible: 890, deficit: 0 });
    const rejected = { decision: "reject", evidence: "lab", reason: "" } as const;
    log.add("energy.resolve", { interval: second!, ...rejected });
    refused(log, "resolve", () => accept(log, second!));
    log.now += MINUTE;
    expect(log.fold.nextWindow(log.time).net).toBe(0);
    expect(log.fold.totals).toMatchObject({ inMwh: 1_600, outMwh: 10 });
  });

  it("adds nothing to what was suspect, and takes no window's energy twice", () => {
    const log = readyLog();
    log.now += MINUTE;
    const suspect = log.interval(5_000, 0, { verdict: "suspect" });
    const consistent = log.interval(1_000, 0, {}, OTHER);
    // the shunt bears both out: the suspect one is still for a resolve to settle
    check(log, 6_000, 0);
    expect(log.fold.nextWindow(log.time).net).toBe(1_000);
    expect(log.fold.nextCheck(reading(log, 0, 0))).toBeUndefined();
    refused(log, "resolve", () => accept(log, consistent));
    accept(log, suspect);
    log.window();
    expect(log.summary.eligible).toBe(6_000);
    twoModules(log, [300, 0], [0, 0]);
    check(log, 0, 0);
    log.window();
    expect(log.summary).toMatchObject({ eligible: 6_000, net: 6_000 });
  });

  it("counts what gaps say of the counters", () => {
    const log = readyLog();
    log.interval(0, 0);
    log.window();
    log.now += MINUTE;
    log.gap(0, 2_000);
    expect(log.fold.nextCheck(reading(log, 0, 2_000))).toMatchObject({ verdict: "consistent" });
    expect(log.fold.nextCheck(reading(log, 0, 0))).toMatchObject({ verdict: "suspect" });
  });

  it("says something only of the records since the last check or window, and of their time", () => {
    const log = readyLog();
    expect(log.fold.nextCheck(reading(log, 0, 0))).toBeUndefined();
    const [first] = twoModules(log, [1_000, 0], [0, 0]);
    const wrong: readonly Partial<EnergyCheck>[] = [
      { first: first! + 1 },
      { count: 1 },
      { t0: log.time },
      { t0: millis(log.now - MINUTE - 5_001) },
      { t0: millis(log.now - MINUTE + 5_001) },
      { t1: millis(log.now - 5_001) },
      { t1: millis(log.now + 5_001) },
    ];
    for (const over of wrong) refused(log, "check", () => check(log, 1_000, 0, over));
    const body = log.fold.nextCheck(reading(log, 1_000, 0))!;
    check(log, 1_000, 0, { t0: millis(body.t0 - 5_000), t1: millis(body.t1 - 5_000) });
    refused(log, "check", () => log.add("energy.check", body));
    log.now += MINUTE;
    log.interval(10, 0, {}, MODULE);
    refused(log, "check", () => check(log, 10, 0, { t0: millis(log.now - MINUTE - 5_001) }));
    log.window();
    refused(log, "check", () => log.add("energy.check", { ...body, t1: log.time }));
  });

  it("covers the records from the earliest start to the latest end, in whatever order they come", () => {
    const log = readyLog();
    log.now += MINUTE;
    const middle = { t0: millis(log.now - 40_000), t1: millis(log.now - 20_000) };
    log.interval(0, 0, middle);
    log.interval(0, 0, {}, OTHER);
    for (const over of [middle, { t0: middle.t0 }, { t1: middle.t1 }]) {
      refused(log, "check", () => check(log, 0, 0, over));
    }
    check(log, 0, 0);
  });

  it("reads on from the last check's end, and no later than its entry", () => {
    const log = readyLog();
    log.now += MINUTE;
    log.interval(0, 0, { t1: millis(log.now + 4_000) });
    refused(log, "check", () => check(log, 0, 0, { t1: millis(log.now + 5_001) }));
    check(log, 0, 0, { t1: millis(log.now + 5_000) });
    const readOn = millis(log.now + 5_000);
    log.interval(0, 0, { t1: millis(log.now + 5_000) }, OTHER);
    log.window();
    expect(log.fold.nextCheck(reading(log, 0, 0))).toBeUndefined();
    log.now += MINUTE;
    log.interval(0, 0, { t0: readOn }, OTHER);
    refused(log, "check", () => check(log, 0, 0, { t0: millis(readOn - 1) }));
    check(log, 0, 0, { t0: readOn });
  });

  it("reads the same from its bytes", () => {
    const log = readyLog();
    for (let i = 0; i < 40; i += 1) {
      const [first] = twoModules(log, [100 * i, 7], [3, i]);
      check(log, 90 * i, 0);
      log.window();
      if (i % 5 === 0 && 10 * i > 110) accept(log, first!);
    }
    log.now += DAY;
    const again = foldOf();
    for (const [index, bytes] of log.entries.entries()) again.apply(index, decodeEntry(bytes));
    expect(again.summary()).toEqual(log.summary);
    expect(again.nextWindow(log.time)).toEqual(log.fold.nextWindow(log.time));
  });
});
