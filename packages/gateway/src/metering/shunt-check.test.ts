import { micros, milliwattHours } from "@wattseal/base";
import { decodeEntry } from "@wattseal/energy-ledger";
import { describe, expect, it } from "vitest";
import { moduleAt, recording } from "./recording.fixture.js";

/** 350.01 V. */
const VOLTAGE = 23_334;
/** mWh a second at 10 A. */
const PER_SECOND = 3_500.1 / 3.6;

/** Two modules that each take in 10 A, and a shunt that shows `share` of their sum. */
async function shunted() {
  const [first, second] = [moduleAt(1), moduleAt(2)];
  const pack = await recording([first, second], [], true);
  const { clock, read, recorder } = pack;
  const shown = { in: 0, out: 0 };
  let passed = 0;
  const at = () => ({ in: Math.round(passed), out: 0 });
  const seconds = (
    count: number,
    {
      share = 1,
      modules = [first, second],
      shunt = true,
      amps = 10,
    }: { share?: number; modules?: readonly (typeof first)[]; shunt?: boolean; amps?: number } = {},
  ) => {
    for (let i = 0; i < count; i += 1) {
      clock.advance(1000);
      passed += (amps / 10) * PER_SECOND;
      shown.in += (amps / 10) * 2 * share * PER_SECOND;
      for (const module of modules) read(module, amps, at());
      if (!shunt) continue;
      recorder.shuntSample({
        time: micros(1000 * clock.now()),
        voltage: VOLTAGE,
        current: Math.round(share * 100 * amps),
        inMwh: milliwattHours(Math.floor(shown.in)),
        outMwh: milliwattHours(0),
      });
    }
  };
  const verdicts = () => pack.entries("energy.check").map(({ verdict }) => verdict);
  const alarms = () => pack.entries("link.alarm").map(({ alarm, detail }) => `${alarm} ${detail}`);
  return { ...pack, seconds, verdicts, alarms, first, second };
}

describe("the pack's shunt in the record", () => {
  it("is held against the modules before each window closes, over their time and all their records", async () => {
    const { seconds, entries, complaints, writer, log, shunt } = await shunted();
    seconds(181);
    await writer.settled();
    expect(complaints).toEqual([]);
    const order = [...log.store.entries()].flatMap((bytes) =>
      decodeEntry(bytes).type.split("energy."),
    );
    expect(order.filter((type) => ["interval", "check", "window"].includes(type))).toEqual(
      Array.from({ length: 3 }, () => ["interval", "interval", "check", "window"]).flat(),
    );
    const checks = entries("energy.check");
    expect(checks).toHaveLength(3);
    const intervals = entries("energy.interval");
    for (const [i, { verdict, count, shunt: name, t0, t1, in: inward, out }] of checks.entries()) {
      expect([verdict, count, name, out]).toEqual(["consistent", 2, "pack-shunt", 0]);
      expect([t0, t1]).toEqual([intervals[2 * i]!.t0, intervals[2 * i]!.t1]);
      const modules = intervals[2 * i]!.in + intervals[2 * i + 1]!.in;
      expect(Math.abs(inward - modules)).toBeLessThan(10);
    }
    expect(shunt!.counts).toEqual({ entered: 3, suspect: 0, missed: 0 });
  });

  it("that shows 5 % less makes suspects: their in earns nothing until it is settled, then all of it", async () => {
    const { seconds, entries, verdicts, writer, log } = await shunted();
    seconds(119, { share: 0.95 });
    await writer.settled();
    expect(verdicts()).toEqual(["suspect"]);
    expect(entries("energy.window").map(({ net }) => net)).toEqual([0]);
    expect(entries("society.charge")).toEqual([]);
    const intervals = entries("energy.interval");
    expect(intervals.map(({ verdict }) => verdict)).toEqual(["consistent", "consistent"]);
    const indices = [...log.store.entries()].flatMap((bytes, index) =>
      Buffer.from(bytes).includes("energy.interval") ? [index] : [],
    );
    for (const interval of indices) {
      writer.record({
        type: "energy.resolve",
        body: { interval, decision: "accept", evidence: "lab-meter", reason: "the shunt was low" },
      });
    }
    seconds(2, { share: 0.95 });
    await writer.settled();
    const settled = intervals.reduce((sum, { in: inward }) => sum + inward, 0);
    expect(entries("energy.window").at(-1)!.net).toBe(settled);
    expect(entries("society.charge").map(({ amount }) => amount)).toEqual([settled]);
  });

  it("that is silent is missed, aloud; what it would have borne out counts", async () => {
    const { seconds, entries, verdicts, alarms, writer, shunt, recorder } = await shunted();
    seconds(90);
    seconds(100, { shunt: false });
    seconds(60);
    await writer.settled();
    // The second minute has a hole, the third no reading, the fourth begins in a hole.
    expect(verdicts()).toEqual(["consistent"]);
    expect(alarms()).toEqual(Array.from({ length: 3 }, () => "shunt-missing silent"));
    expect(shunt!.counts).toEqual({ entered: 1, suspect: 0, missed: 3 });
    for (const { net } of entries("energy.window")) expect(net).toBeGreaterThan(0);
    seconds(60);
    await writer.settled();
    recorder.closeEarly();
    await writer.settled();
    expect(entries("link.alarm").reduce((sum, { count }) => sum + count, 0)).toBe(3);
    expect(new Set(verdicts())).toEqual(new Set(["consistent"]));
  });

  it("is not held against a window in which a module fell silent, or came back", async () => {
    const { seconds, verdicts, alarms, complaints, writer, first, shunt } = await shunted();
    seconds(70);
    seconds(90, { modules: [first] });
    seconds(30, {});
    await writer.settled();
    expect(complaints).toEqual([]);
    expect(verdicts()).toEqual(["consistent"]);
    expect(alarms()).toEqual([]);
    expect(shunt!.counts).toEqual({ entered: 1, suspect: 0, missed: 2 });
    seconds(120);
    await writer.settled();
    expect(verdicts()).toEqual(["consistent", "consistent", "consistent"]);
  });

  it("says of a module's current that nobody recorded for minutes that it is not borne out", async () => {
    const { seconds, verdicts, writer, first } = await shunted();
    seconds(60);
    seconds(200, { modules: [first] });
    await writer.settled();
    // The silent module is Off by itself after 11 s, unless it hangs with its relay closed.
    expect(verdicts()).toEqual(["consistent", "suspect", "suspect"]);
  });

  it("is not held against a window in which a counter went back", async () => {
    const { seconds, read, verdicts, entries, writer, first, clock, shunt } = await shunted();
    seconds(80);
    clock.advance(100);
    read(first, 10, { in: 5, out: 0 });
    seconds(100, {});
    await writer.settled();
    expect(entries("energy.reset")).toHaveLength(1);
    expect(verdicts()[0]).toBe("consistent");
    expect(shunt!.counts.missed).toBe(1);
  });

  it("says nothing of so little energy that the moments of reading would decide", async () => {
    const { seconds, verdicts, alarms, writer, shunt, complaints } = await shunted();
    seconds(57, { amps: 0 });
    seconds(2, { share: 0.5 });
    seconds(1);
    seconds(60);
    await writer.settled();
    expect(complaints).toEqual([]);
    expect(alarms()).toEqual([]);
    expect(verdicts()).toEqual(["consistent"]);
    expect(shunt!.counts).toEqual({ entered: 1, suspect: 0, missed: 1 });
  });

  it("bears out that nothing passed", async () => {
    const { seconds, verdicts, writer } = await shunted();
    seconds(120, { amps: 0 });
    await writer.settled();
    expect(verdicts()).toEqual(["consistent", "consistent"]);
  });
});
