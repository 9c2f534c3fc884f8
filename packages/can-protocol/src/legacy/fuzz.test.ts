import { moduleUid, slot } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ClearGuard, encodeClear, type LegacyPackEvent } from "../index.js";
import { A, Answers, at, B, identity, PAIRED, PackBench, STATUS_1 } from "./legacy-pack.fixture.js";

const bases = fc.integer({ min: 0x4fe, max: 0x526 });
const addresses = fc.oneof(fc.integer({ min: 0, max: 4 }), fc.constant(0xff), fc.nat(255));
const frames = fc
  .record({
    base: bases,
    sequence: fc.oneof(fc.nat(3), fc.nat(1023)),
    address: addresses,
    data: fc.uint8Array({ maxLength: 8 }),
    fd: fc.boolean().map((fd) => fd),
  })
  .map(({ base, sequence, address, data, fd }) => ({
    kind: "frame" as const,
    frame: { id: (base << 18) | (sequence << 8) | address, data, fd: fd && data.length === 7 },
  }));
const announces = fc.constantFrom(A, B, PAIRED.uid).map((uid) => {
  const { manufacturer, part, unique } = identity(uid);
  const data = new Uint8Array(8);
  data[2] = manufacturer;
  data[3] = part;
  new DataView(data.buffer).setUint32(4, unique, true);
  return { kind: "frame" as const, frame: { id: 0x140000ff, data, fd: false } };
});
const orders: fc.Arbitrary<LegacyPackEvent> = fc.oneof(
  fc.constantFrom<LegacyPackEvent>(
    { kind: "open" },
    { kind: "close" },
    { kind: "timer" },
    { kind: "isolate" },
    { kind: "deregister" },
    { kind: "deregister", uid: A },
    { kind: "admit", uid: A },
    { kind: "hardware", uid: A },
    { kind: "cells", uid: A },
    { kind: "time" },
    { kind: "bus", state: "bus-off" },
    { kind: "bus", state: "active" },
  ),
  fc.nat(3).map((state) => ({ kind: "max-state" as const, state })),
  fc.nat(3).map((state) => ({ kind: "order" as const, uid: B, state })),
  fc.nat().map((counter) => ({ kind: "log-frame" as const, uid: A, counter })),
);
const steps = fc.record({
  wait: fc.oneof(fc.nat(20), fc.nat(5000)),
  event: fc.oneof(
    { weight: 6, arbitrary: frames },
    { weight: 2, arbitrary: announces },
    { weight: 1, arbitrary: orders },
  ),
});

describe("whatever comes", () => {
  it("the pack neither throws nor stalls, answers in bounded measure, and leaves paired slots alone", () => {
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 120 }), (script) => {
        const bench = new PackBench({ modules: [{ uid: A }, { uid: B }], maxState: 3 });
        bench.do({ kind: "open" });
        for (const { wait, event } of script) {
          bench.run(wait);
          expect(bench.do(event).length).toBeLessThan(20);
        }
        // A pack on a quiet bus sends a few frames a poll; nothing here may make it babble.
        bench.forget();
        bench.run(10_000);
        expect(bench.of("transmit").length).toBeLessThan(600);
        for (const { frame } of bench.of("transmit")) {
          expect(frame.id & 0xff).not.toBe(PAIRED.slot);
        }
        const slots = bench.pack.modules.flatMap((module) => module.slot ?? []);
        expect(new Set(slots).size).toBe(slots.length);
        expect(slots).not.toContain(PAIRED.slot);
      }),
      { numRuns: 300 },
    );
  });

  it("frames that are no answers bring at most an alarm of each kind and slot in ten seconds", () => {
    fc.assert(
      fc.property(fc.array(frames, { maxLength: 200 }), (events) => {
        const bench = new PackBench();
        bench.do({ kind: "open" });
        bench.forget();
        for (const event of events) bench.do(event);
        const subjects = bench
          .of("alarm")
          .map(({ alarm }) => `${alarm.kind} ${"slot" in alarm ? alarm.slot : ""}`);
        expect(new Set(subjects).size).toBe(subjects.length);
        expect(subjects.length).toBeLessThanOrEqual(4 + 32);
        // Each stranger is sent away once.
        expect(bench.of("transmit").length).toBeLessThanOrEqual(31);
      }),
      { numRuns: 200 },
    );
  });
});

describe("a flood in the name of a listed module", () => {
  const flood = (bench: PackBench, next: (i: number) => LegacyPackEvent) => {
    bench.forget();
    for (let i = 0; i < 3700; i += 1) {
      bench.run(i % 4 === 0 ? 1 : 0);
      bench.do(next(i));
    }
  };
  const registered = () => {
    const bench = new PackBench({ maxState: 3 });
    const module = new Answers(A);
    bench.answer = module.to;
    bench.do({ kind: "open" });
    bench.run(1500);
    bench.answer = () => [];
    return bench;
  };

  it("of announcements brings a registration a second", () => {
    const bench = registered();
    const frame = encodeClear("announce", { fw: 1, ...identity(A) });
    flood(bench, () => ({ kind: "frame", frame }));
    expect(bench.sent("register").length).toBeGreaterThan(0);
    expect(bench.sent("register").length).toBeLessThanOrEqual(3);
    expect(bench.events().length).toBeLessThan(10);
  });

  it("of changing states brings an order a second", () => {
    const bench = registered();
    bench.do({ kind: "order", uid: A, state: 3 });
    flood(bench, (i) => {
      const values = { ...STATUS_1, state: i % 2 === 0 ? 3 : 0 };
      return { kind: "frame", frame: encodeClear("status1", values, { address: 2 }) };
    });
    expect(bench.sent("stateChange").length).toBeGreaterThan(0);
    expect(bench.sent("stateChange").length).toBeLessThanOrEqual(3);
    expect(bench.events().length).toBeLessThan(10);
  });

  it("of hardware frames and time requests is told once, and answered once a second", () => {
    const bench = registered();
    const limits = { maxChargeCurrent: 1, maxDischargeCurrent: -1, endVoltage: 1, hwVersion: 1 };
    const hardware = encodeClear("hardware", limits, { address: 2 });
    const time = encodeClear("timeRequest", {}, { address: 2 });
    flood(bench, (i) => ({ kind: "frame", frame: i % 2 === 0 ? hardware : time }));
    expect(bench.of("hardware")).toEqual([]);
    expect(bench.sent("setTime")).toHaveLength(1);
    bench.do({ kind: "hardware", uid: A });
    bench.do({ kind: "frame", frame: hardware });
    bench.do({ kind: "frame", frame: hardware });
    expect(bench.of("hardware")).toHaveLength(1);
  });
});

describe("a bus without clear-text modules", () => {
  it("alarms on every clear frame, with what it claims, and on nothing else", () => {
    const guard = new ClearGuard([PAIRED], 1000);
    const status = { id: 0x14080005, data: new Uint8Array(8), fd: false };
    expect(guard.frame(status, at(0))).toEqual({
      kind: "clear-foreign",
      base: 0x502,
      uid: undefined,
      slot: slot(5),
      suppressed: 0,
    });
    expect(guard.frame({ ...status, id: 0x14080001 }, at(0))).toMatchObject({
      kind: "clear-paired-slot",
      slot: 1,
    });
    const announce = Uint8Array.from([1, 0, 0x57, 0x01, 0x00, 0x00, 0x00, 0x01]);
    expect(guard.frame({ id: 0x140000ff, data: announce, fd: false }, at(0))).toMatchObject({
      kind: "clear-paired-uid",
      uid: moduleUid("5701000000000001"),
    });
    expect(guard.frame({ ...status, id: 0x632 << 18 }, at(0))).toBeUndefined();
    expect(guard.frame({ ...status, id: 0x400 << 18 }, at(0))).toBeUndefined();
  });

  it("counts every alarm in one that is told, and hides no slot behind another", () => {
    const guard = new ClearGuard([PAIRED], 1000);
    const status = (address: number) => encodeClear("status1", STATUS_1, { address });
    for (let n = 0; n < 20; n += 1) guard.frame(status(2), at(50 * n));
    expect(guard.frame(status(7), at(500))).toMatchObject({ slot: 7, suppressed: 0 });
    expect(guard.deadline).toBe(at(1000));
    expect(guard.due(at(999))).toEqual([]);
    expect(guard.due(at(1000))).toMatchObject([{ slot: 2, suppressed: 18 }]);
    expect(guard.deadline).toBeUndefined();
    guard.frame(status(7), at(1200));
    guard.frame(status(7), at(1300));
    guard.frame(status(7), at(1300));
    expect(guard.close()).toMatchObject([{ slot: 7, suppressed: 2 }]);
    expect(guard.close()).toEqual([]);
    expect(guard.deadline).toBeUndefined();
  });

  it("lets a stranger's claims open no meters of their own", () => {
    const guard = new ClearGuard([PAIRED], 1000);
    const told = Array.from({ length: 100 }, (_, unique) =>
      guard.frame(encodeClear("announce", { fw: 1, manufacturer: 9, part: 9, unique }), at(0)),
    );
    expect(told.filter((alarm) => alarm !== undefined)).toHaveLength(1);
    expect(guard.due(at(1000))).toMatchObject([{ suppressed: 98 }]);
  });
});
