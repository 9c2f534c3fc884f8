import { describe, expect, it } from "vitest";
import { decodeEntry } from "../entries/entry.js";
import { MINUTE, TestLog } from "../ledger.fixture.js";
import { MODULE, OTHER, PACK } from "../samples.fixture.js";
import { DEFAULT_LIMITS } from "./events.js";
import { Passport } from "./passport.js";
import { WHOLE_LOG } from "./proof.js";

const HEAD = { origin: "wattseal/test", size: 900, root: "ab".repeat(32) };
const raw = (celsius: number) => 5_535 + 100 * celsius;
const mild = { temperatureLow: raw(20), temperatureHigh: raw(25) };

function documentOf(log: TestLog, period = WHOLE_LOG) {
  const passport = new Passport(DEFAULT_LIMITS, period);
  for (const [index, bytes] of log.entries.entries()) passport.take(index, decodeEntry(bytes));
  return passport.document(PACK, HEAD);
}

/** A minute of one module. */
function minute(log: TestLog, inward: number, out: number, over: object = {}, module = MODULE) {
  log.now += MINUTE;
  const index = log.interval(inward, out, { ...mild, ...over }, module);
  log.window();
  return index;
}

describe("passport attributes", () => {
  it("give throughput and cycles by capacity, exactly, over consistent intervals", () => {
    const log = new TestLog(undefined, 1_000_000);
    minute(log, 1_500_000, 0);
    minute(log, 1, 1_249_999);
    minute(log, 0, 10, {}, OTHER);
    const { attributes, modules } = documentOf(log);
    expect(attributes.energyThroughput).toMatchObject({
      unit: "kWh",
      value: "2.750010",
      charged: "1.500001",
      discharged: "1.250009",
      unprovenCharged: "0.000000",
    });
    expect(attributes.numberOfFullCycles).toMatchObject({ value: "0.62", capacity: "2.000000" });
    expect(modules[0]).toMatchObject({ module: MODULE, fullCycles: "1.24" });
  });

  it("keep what is not proven apart, and guess no cycle without a capacity", () => {
    const log = new TestLog();
    minute(log, 10, 10);
    minute(log, 50_000, 3, { integralIn: 0, verdict: "suspect" });
    log.now += MINUTE;
    const gap = log.gap(7, 9);
    const { attributes } = documentOf(log);
    expect(attributes.energyThroughput).toMatchObject({
      value: "0.000020",
      unprovenCharged: "0.050007",
      unprovenDischarged: "0.000012",
    });
    expect(attributes.numberOfFullCycles).toMatchObject({ modulesWithoutCapacity: 2 });
    expect(attributes.numberOfFullCycles.value).toBeUndefined();
    expect(attributes.negativeEvents).toMatchObject({
      meteringGap: { count: 1, first: gap, last: gap },
      suspectInterval: { count: 1 },
    });
  });

  it("leave out what the pack's shunt does not bear out", () => {
    const log = new TestLog();
    minute(log, 1_000, 3);
    log.now += MINUTE;
    log.interval(50_000, 7, mild);
    const times = { t0: (log.now - MINUTE) as never, t1: log.time };
    const shunt = { shunt: "pack-shunt", ...times, in: 0 as never, out: 0 as never };
    const check = log.add("energy.check", log.fold.nextCheck(shunt)!);
    log.window();
    const { attributes } = documentOf(log);
    expect(attributes.energyThroughput).toMatchObject({
      charged: "0.001000",
      unprovenCharged: "0.050000",
      unprovenDischarged: "0.000007",
    });
    expect(attributes.negativeEvents.suspectShuntCheck).toMatchObject({ count: 1, first: check });
  });

  it("weigh the state of charge by capacity, as energy too", () => {
    const log = new TestLog(undefined, 2_000_000);
    minute(log, 0, 0, { socStart: 151, socEnd: 151 });
    minute(log, 0, 0, { socStart: 100, socEnd: 100 }, OTHER);
    expect(documentOf(log).attributes.stateOfCharge).toMatchObject({
      value: "62.7",
      energy: { unit: "kWh", value: "2.510000" },
      modules: 2,
    });
  });

  it("count no state of charge of a module that was taken out, but what it did", () => {
    const log = new TestLog(undefined, 2_000_000);
    minute(log, 0, 10, { socStart: 150, socEnd: 150 });
    minute(log, 0, 7, { socStart: 100, socEnd: 100 }, OTHER);
    log.add("link.unpaired", { module: OTHER, reason: "replaced" });
    const { stateOfCharge, energyThroughput } = documentOf(log).attributes;
    expect(stateOfCharge).toMatchObject({ value: "75.0", modules: 1 });
    expect(energyThroughput.discharged).toBe("0.000017");
  });

  it("count a negative event once however long it lasts, and name where it began", () => {
    const log = new TestLog();
    minute(log, 0, 0, { socStart: 100, socEnd: 11 });
    const deep = minute(log, 0, 0, { socStart: 11, socEnd: 10 });
    minute(log, 0, 0, { socStart: 10, socEnd: 0, temperatureHigh: raw(61) });
    minute(log, 0, 0, { socStart: 100, socEnd: 100, temperatureHigh: raw(75) });
    const again = minute(log, 0, 0, { socStart: 12, socEnd: 9, temperatureLow: raw(-21) });
    const { attributes } = documentOf(log);
    expect(attributes.negativeEvents).toMatchObject({
      deepDischarge: { count: 2, first: deep, last: again },
      overTemperature: { count: 1, first: deep + 2 },
      underTemperature: { count: 1, first: again },
    });
    expect(attributes.temperatureInformation).toMatchObject({
      extremes: {
        highest: { value: "75.00", entry: again - 2 },
        lowest: { value: "-21.00", entry: again },
      },
      times: { timeExtremeHighTemp: "2.000", timeExtremeLowTemp: "1.000" },
    });
  });

  it("tell time at extremes while charging apart", () => {
    const log = new TestLog();
    minute(log, 10, 0, { temperatureHigh: raw(50) });
    minute(log, 10, 0, { temperatureLow: raw(-1) });
    minute(log, 0, 10, { temperatureHigh: raw(50), temperatureLow: raw(-1) });
    expect(documentOf(log).attributes.temperatureInformation.times).toEqual({
      unit: "min",
      timeExtremeHighTemp: "0.000",
      timeExtremeLowTemp: "0.000",
      timeExtremeHighTempCharging: "1.000",
      timeExtremeLowTempCharging: "1.000",
    });
  });

  it("believe no temperature or state of charge that is not authenticated", () => {
    const log = new TestLog();
    log.now += MINUTE;
    const bare = { start: undefined, end: undefined, digest: undefined } as const;
    const claims = { ...bare, temperatureHigh: raw(90), socEnd: 0, verdict: "unauthenticated" };
    log.interval(5, 5, claims as never, MODULE);
    const { attributes } = documentOf(log);
    expect(attributes.temperatureInformation.extremes.highest).toBeUndefined();
    expect(attributes.negativeEvents.deepDischarge.count).toBe(0);
    expect(attributes.stateOfCharge).toMatchObject({ modules: 0 });
    expect(attributes.energyThroughput).toMatchObject({ value: "0.000000" });
  });

  it("add alarms up by their label, of which a gateway cannot make any number", () => {
    const log = new TestLog();
    for (let i = 0; i < 100; i += 1) {
      const alarm = {
        module: undefined,
        slot: undefined,
        alarm: `kind-${i}`,
        count: 2,
        detail: "",
      };
      log.add("link.alarm", alarm);
    }
    const { linkAlarms } = documentOf(log).attributes.negativeEvents;
    expect(Object.keys(linkAlarms)).toHaveLength(65);
    expect(linkAlarms["other"]).toMatchObject({ count: 72 });
  });

  it("take only what ends in the period, with the pairings of before", () => {
    const log = new TestLog(undefined, 1_000_000);
    minute(log, 100, 0);
    const from = log.now;
    const second = minute(log, 0, 10_000);
    const document = documentOf(log, { from, to: log.now });
    expect(document.attributes.energyThroughput.value).toBe("0.010000");
    expect(document.attributes.numberOfFullCycles.value).toBe("0.00");
    expect(document.proof).toEqual({ ...HEAD, first: second, last: second });
    expect(document.period).toEqual({
      after: new Date(from).toISOString(),
      until: new Date(log.now).toISOString(),
    });
  });

  it("say what a log cannot know, instead of zero", () => {
    expect(Object.keys(documentOf(new TestLog()).notMeasured)).toContain("capacityThroughput");
  });
});
