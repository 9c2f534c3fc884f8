import { createHash } from "node:crypto";
import { moduleUid, slot } from "@wattseal/base";
import { encodeModuleMessage } from "@wattseal/can-protocol";
import { describe, expect, it } from "vitest";
import { Recorder } from "./recorder.js";
import {
  CAPACITY,
  moduleAt,
  pairingOf,
  recording,
  SESSION,
  telemetryOf,
} from "./recording.fixture.js";

describe("the recorder", () => {
  it("closes every interval and the window at the minute, opens the books once, and charges what was measured", async () => {
    const { writer, read, run, entries, modules, log, complaints } = await recording();
    const [module] = modules;
    read(module!, 10, { in: 0, out: 0 });
    const after = run(module!, 125, 10, { in: 0, out: 0 });
    await writer.settled();
    expect(complaints).toEqual([]);
    const intervals = entries("energy.interval");
    expect(intervals).toHaveLength(2);
    expect(intervals.map(({ verdict }) => verdict)).toEqual(["consistent", "consistent"]);
    expect(intervals[0]!.end).toEqual(intervals[1]!.start);
    expect(entries("energy.reconcile")).toEqual([
      expect.objectContaining({ kind: "opening", stock: CAPACITY / 2 }),
    ]);
    const windows = entries("energy.window");
    expect(windows.map(({ count, net }) => ({ count, net }))).toEqual(
      intervals.map(({ in: inward }) => ({ count: 1, net: inward })),
    );
    const charged = entries("society.charge").reduce((sum, { amount }) => sum + amount, 0);
    expect(charged).toBe(intervals.reduce((sum, interval) => sum + interval.in, 0));
    expect(log.fold.summary().atp + log.fold.summary().withheld).toBe(charged);
    expect(after.in).toBeGreaterThan(charged);
  });

  it("turns lots back into ADP when the pack gives out more than it takes", async () => {
    const { writer, read, run, modules, log } = await recording();
    const [module] = modules;
    read(module!, 10, { in: 0, out: 0 });
    const charged = run(module!, 60, 10, { in: 0, out: 0 });
    const before = log.fold.summary();
    run(module!, 60, -5, charged);
    await writer.settled();
    const { atp, adp, supply } = log.fold.summary();
    expect(before.atp).toBeGreaterThan(atp);
    expect(atp + adp).toBe(supply);
  });

  it("closes early for a shutdown, and the next start continues with a gap", async () => {
    const { recorder, writer, books, read, run, entries, modules, log, clock, logClock } =
      await recording();
    const [module] = modules;
    read(module!, 1, { in: 0, out: 0 });
    const at = run(module!, 20, 1, { in: 0, out: 0 });
    recorder.stop();
    recorder.closeEarly();
    await writer.settled();
    expect(entries("energy.interval")).toHaveLength(1);
    expect(entries("energy.window")).toHaveLength(1);

    clock.advance(30_000);
    const pairing = pairingOf(modules);
    const next = new Recorder({
      ...{ log, writer, books, pairing },
      steady: clock,
      clock: logClock,
      onMinute: () => {},
      onWindow: () => {},
    });
    read(module!, 1, { in: at.in + 500, out: 0 }, next);
    await writer.settled();
    expect(entries("energy.gap")).toEqual([
      expect.objectContaining({ reason: "away", in: 500, out: 0 }),
    ]);
  });

  it("leaves an open interval to a gap, where the power fails before it closes", async () => {
    const { writer, books, read, run, entries, modules, log, clock, logClock, recorder } =
      await recording();
    const [module] = modules;
    read(module!, 10, { in: 0, out: 0 });
    const at = run(module!, 90, 10, { in: 0, out: 0 });
    await writer.settled();
    const [interval, ...others] = entries("energy.interval");
    expect(others).toEqual([]);
    // Nobody closes anything: the recorder is gone, and what it had open with it.
    recorder.stop();
    clock.advance(20_000);
    const next = new Recorder({
      ...{ log, writer, books, pairing: pairingOf(modules) },
      steady: clock,
      clock: logClock,
      onMinute: () => {},
      onWindow: () => {},
    });
    next.start();
    read(module!, 10, { in: at.in + 19_444, out: 0 }, next);
    await writer.settled();
    expect(entries("energy.gap")).toEqual([
      expect.objectContaining({
        t0: interval!.t1,
        start: interval!.end,
        in: at.in + 19_444 - interval!.end!.in,
        reason: "away",
      }),
    ]);
    next.stop();
  });

  it("holds what comes in while an epoch is renewed, and takes it in its order afterwards", async () => {
    const { writer, read, entries, modules, clock } = await recording();
    const [module] = modules;
    read(module!, 1, { in: 0, out: 0 });
    writer.hold();
    clock.advance(1000);
    read(module!, 1, { in: 10, out: 0 });
    clock.advance(60_000);
    await writer.settled();
    expect(entries("energy.interval")).toEqual([]);
    writer.release();
    await writer.settled();
    expect(entries("energy.interval")).toEqual([expect.objectContaining({ in: 10, readings: 2 })]);
    expect(entries("energy.window")).toHaveLength(1);
  });

  it("opens the books with the modules that have spoken, and not before anything was metered", async () => {
    const { writer, read, run, entries, modules, clock } = await recording([
      moduleAt(1),
      moduleAt(2),
    ]);
    clock.advance(120_000);
    await writer.settled();
    expect(entries("energy.window")).toEqual([]);
    read(modules[0]!, 1, { in: 0, out: 0 });
    run(modules[0]!, 60, 1, { in: 0, out: 0 });
    await writer.settled();
    expect(entries("energy.reconcile")).toEqual([
      expect.objectContaining({ stock: CAPACITY / 2, basis: expect.stringContaining("1 of 2") }),
    ]);
    expect(entries("energy.window")).toHaveLength(1);
  });

  it("closes nothing twice at one instant", async () => {
    const { recorder, read, run, entries, modules, complaints, writer } = await recording();
    read(modules[0]!, 1, { in: 0, out: 0 });
    run(modules[0]!, 5, 1, { in: 0, out: 0 });
    recorder.closeEarly();
    recorder.closeEarly();
    await writer.settled();
    expect(complaints).toEqual([]);
    expect(entries("energy.window")).toHaveLength(1);
  });

  it("goes on after a refused interval with a gap, not with a broken chain", async () => {
    const { writer, read, run, entries, modules, log, complaints } = await recording();
    const [module] = modules;
    read(module!, 1, { in: 0, out: 0 });
    const at = run(module!, 59, 1, { in: 0, out: 0 });
    await log.append({ type: "link.unpaired", body: { module: module!.uid, reason: "test" } });
    run(module!, 2, 1, at);
    await writer.settled();
    expect(complaints.some((complaint) => complaint.includes("not paired"))).toBe(true);
    expect(entries("energy.interval")).toEqual([]);

    await log.append(...log.entered.missingPairings(pairingOf(modules)));
    run(module!, 60, 1, at);
    await writer.settled();
    expect(entries("energy.interval").length).toBeGreaterThan(0);
  });

  it("stops for good, without a loop, once the log has stopped", async () => {
    const { writer, read, run, modules, log, clock, complaints } = await recording();
    const [module] = modules;
    read(module!, 10, { in: 0, out: 0 });
    run(module!, 120, 10, { in: 0, out: 0 });
    await writer.settled();
    await log.store.close();
    read(module!, 10, { in: 0, out: 0 });
    clock.jump(8 * 24 * 3600 * 1000);
    clock.advance(60_000);
    await writer.settled();
    clock.advance(60_000);
    await writer.settled();
    expect(log.stopped).toBeDefined();
    expect(complaints.length).toBeLessThan(20);
    expect(writer.refused).toBeGreaterThan(0);
  });

  it("ties an interval to its sealed readings: session once, then counter, type and body of each", async () => {
    const { recorder, read, entries, modules, clock, writer } = await recording();
    const bodies: Uint8Array[] = [];
    for (let i = 0; i < 3; i += 1) {
      bodies.push(read(modules[0]!, 1, { in: 0, out: 0 }));
      clock.advance(200);
    }
    recorder.closeEarly();
    await writer.settled();
    const hash = (...parts: Uint8Array[]) =>
      createHash("sha256").update(Buffer.concat(parts)).digest();
    let expected = hash(new Uint8Array(32), SESSION);
    for (const [i, body] of bodies.entries()) {
      const counter = Buffer.alloc(8);
      counter.writeUInt8(i);
      expected = hash(expected, counter, Uint8Array.of(1), body);
    }
    const [interval] = entries("energy.interval");
    expect(Buffer.from(interval!.digest!)).toEqual(expected);
  });

  it("meters a clear-text module by the integral alone: its out counts, its in never", async () => {
    const uid = moduleUid("0a0b000078563412");
    const legacy = [{ uid, capacity: CAPACITY }];
    const { recorder, entries, clock, complaints, read, modules, writer } = await recording(
      undefined,
      legacy,
    );
    read(modules[0]!, 0, { in: 0, out: 0 });
    const tell = (amps: number) => {
      const { status1, status2, status3 } = telemetryOf(amps, { in: 0, out: 0 });
      const { body } = encodeModuleMessage(telemetryOf(amps, { in: 0, out: 0 }));
      const at = clock.now();
      const told = { at, status1, status2, status3, body: body.slice(0, 24), notTold: [] };
      const from = { uid, slot: slot(2), authenticated: false as const };
      recorder.legacyReading({ kind: "reading", ...from, ...told });
    };
    tell(10);
    for (let second = 0; second < 120; second += 1) {
      clock.advance(1000);
      tell(second < 59 ? 10 : -10);
      read(modules[0]!, 0, { in: 0, out: 0 });
    }
    await writer.settled();
    expect(complaints).toEqual([]);
    const intervals = entries("energy.interval").filter(({ module }) => module === uid);
    expect(intervals.length).toBeGreaterThanOrEqual(2);
    for (const interval of intervals) {
      expect(interval).toMatchObject({ verdict: "unauthenticated", digest: undefined });
      expect([interval.start, interval.end]).toEqual([undefined, undefined]);
      expect(interval).toMatchObject({ in: interval.integralIn, out: interval.integralOut });
    }
    const inward = intervals.reduce((sum, interval) => sum + interval.in, 0);
    const outward = intervals.reduce((sum, interval) => sum + interval.out, 0);
    expect(inward).toBeGreaterThan(50_000);
    expect(outward).toBeGreaterThan(50_000);
    const net = entries("energy.window").reduce((sum, window) => sum + window.net, 0);
    expect(net).toBe(-outward);
    expect(entries("society.charge")).toEqual([]);
  });

  it("enters a clear frame that should not be there, with whom it names", async () => {
    const { recorder, entries, writer } = await recording();
    const uid = moduleUid("5701000000000001");
    recorder.clearAlarm({ kind: "clear-paired-uid", uid, base: 0x500, suppressed: 2 });
    recorder.clearAlarm({ kind: "clear-controller", base: 0x517, suppressed: 0 });
    await writer.settled();
    expect(entries("link.alarm")).toEqual([
      expect.objectContaining({ alarm: "clear-paired-uid", module: uid, count: 3 }),
      expect.objectContaining({ alarm: "clear-controller", module: undefined, slot: undefined }),
    ]);
  });

  it("enters an alarm with what happened and how often", async () => {
    const { recorder, entries, modules, writer } = await recording();
    recorder.alarm(modules[0]!, {
      kind: "tag-failure",
      slot: slot(1),
      suppressed: 41,
      class: "normal",
      candidate: 12,
    });
    await writer.settled();
    expect(entries("link.alarm")).toEqual([
      expect.objectContaining({
        alarm: "tag-failure",
        slot: 1,
        count: 42,
        module: modules[0]!.uid,
      }),
    ]);
  });

  it("logs and counts what the ledger refuses", async () => {
    const { writer, complaints } = await recording();
    writer.record({
      type: "link.unpaired",
      body: { module: moduleUid("0000000000000000"), reason: "test" },
    });
    await writer.settled();
    expect(writer.refused).toBe(1);
    expect(complaints[0]).toContain("not paired");
  });
});
