import {
  type CanFrame,
  frameNanos,
  isSecured,
  isToModule,
  MODULE_STATE,
  slotOf,
  telemetryPeriod,
} from "@wattseal/can-protocol";
import { describe, expect, it } from "vitest";
import { faultBench, PATIENCE } from "./faults/fault-bench.fixture.js";

const MODULES = 31;
const SETTLE_SECONDS = 20;
const SECONDS = 10;
const FIRST_BIT = 1 << 17;
const BASE = { urgent: 0x630, normal: 0x632 } as const;

interface Heard {
  readonly frame: CanFrame;
  readonly at: number;
}

/** A full bus, linked, and what was on the wire in the 10 s after that. */
async function fullBus(telemetryHz: number, nominalBitRate = 500_000) {
  const bench = await faultBench({ count: MODULES, telemetryHz, nominalBitRate });
  await bench.run(SETTLE_SECONDS);
  const frames: Heard[] = [];
  bench.bus.tap((frame, time) => void frames.push({ frame, at: time / 1000 }));
  const readings = new Map<number, number[]>();
  bench.side.onReading = (slot) => {
    readings.set(slot, [...(readings.get(slot) ?? []), bench.kernel.now()]);
  };
  const { sessions } = bench.side;
  await bench.run(SECONDS);
  expect(bench.side.sessions).toBe(sessions);
  return { ...bench, frames, readings };
}

const slots = Array.from({ length: MODULES }, (_, i) => i + 1);
const longestGap = (times: readonly number[]) =>
  Math.max(...times.slice(1).map((time, i) => time - times[i]!));

/** Times at which PDUs of the pack to this slot begin. */
const ordersTo = (frames: readonly Heard[], slot: number, base: number) =>
  frames
    .filter(({ frame: { id } }) => isSecured(id) && isToModule(id) && slotOf(id) === slot)
    .filter(({ frame: { id } }) => id >>> 18 === base && (id & FIRST_BIT) !== 0)
    .map(({ at }) => at);

describe.each([
  // A reading is 8 frames and a heartbeat 3: 31 · (5 · 8 + 3) · 270 µs.
  { hertz: 5, rate: 500_000, share: 0.36 },
  { hertz: 10, rate: 500_000, share: 0.69 },
  // As much as this wire carries.
  { hertz: 6.8, rate: 250_000, share: 0.97 },
])("31 modules at $hertz Hz on $rate bit/s classic", ({ hertz, rate, share }) => {
  it(
    "load the wire as computed, none is starved, and heartbeats are on time",
    async () => {
      const { bus, frames, readings, modules, simulator } = await fullBus(hertz, rate);
      const nanos = frames.reduce((sum, { frame }) => sum + frameNanos(frame, bus.info), 0);
      const busy = nanos / 1e9 / SECONDS;
      expect(busy).toBeGreaterThan(share - 0.03);
      expect(busy).toBeLessThan(share + 0.01);
      expect(bus.load().busy).toBeCloseTo(busy, 1);
      for (const slot of slots) {
        const times = readings.get(slot)!;
        expect(times.length).toBeGreaterThanOrEqual(Math.floor(SECONDS * hertz) - 2);
        // Both ends of a gap are dated in whole milliseconds.
        expect(longestGap(times)).toBeLessThan(2000 / hertz + 1);
        const heartbeats = ordersTo(frames, slot, BASE.normal);
        expect(heartbeats.length).toBeGreaterThanOrEqual(SECONDS - 1);
        expect(longestGap(heartbeats)).toBeLessThan(1050);
      }
      expect(
        modules.every(({ linked, state, alarms }) => linked && state === "on" && alarms === 0),
      ).toBe(true);
      await simulator.stop();
    },
    PATIENCE,
  );

  it(
    "are all ordered to isolate within 30 ms, and all answer",
    async () => {
      const { kernel, side, frames, modules, run, simulator } = await fullBus(hertz, rate);
      const from = kernel.now();
      frames.length = 0;
      for (const slot of slots) side.order(slot, { kind: "isolate", cause: 1 });
      await run(2);
      const urgent = frames.filter(({ frame: { id } }) => id >>> 18 === BASE.urgent);
      expect(urgent.length).toBe(3 * MODULES);
      // The same bits take twice as long at half the rate.
      const limit = 30 * (500_000 / rate);
      expect(urgent.at(-1)!.at - from).toBeLessThan(limit);
      expect(modules.every(({ state }) => state === "off")).toBe(true);
      const answered = new Set(
        frames.flatMap(({ frame: { id } }) => (id >>> 18 === 0x631 ? [slotOf(id)] : [])),
      );
      expect(answered.size).toBe(MODULES);
      await simulator.stop();
    },
    PATIENCE,
  );
});

describe("the rate that the gateway asks for", () => {
  it(
    "keeps the wire at the share it was computed for",
    async () => {
      const info = { nominalBitRate: 500_000, dataBitRate: undefined };
      const { periodMs, load } = telemetryPeriod({ modules: MODULES, info, fd: false });
      const bench = await faultBench({ count: MODULES });
      await bench.run(SETTLE_SECONDS);
      for (const slot of slots) bench.side.order(slot, { kind: "telemetry-request", periodMs });
      await bench.run(SECONDS);
      // The plan leaves room for handshakes, of which there are none.
      expect(bench.bus.load().busy).toBeLessThanOrEqual(load);
      expect(bench.bus.load().busy).toBeGreaterThan(load - 0.05);
      expect(bench.modules.every(({ state }) => state === "on")).toBe(true);
      await bench.simulator.stop();
    },
    PATIENCE,
  );

  it(
    "lets the pack's word through a flood of lower priority at full rate",
    async () => {
      const bench = await faultBench({ count: MODULES });
      await bench.run(SETTLE_SECONDS);
      // Identifiers that lose against every secured one.
      bench.simulator.inject({
        fault: "flood",
        firstId: 0x1f_00_00_00,
        lastId: 0x1f_00_00_ff,
        perSecond: 10_000,
      });
      await bench.run(SECONDS);
      expect(bench.bus.load().busy).toBeGreaterThan(0.97);
      expect(bench.side.linked).toBe(MODULES);
      bench.side.maxState(1, MODULE_STATE.off);
      await bench.run(0.05);
      expect(bench.modules[0]!.state).toBe("off");
      await bench.simulator.stop();
    },
    PATIENCE,
  );
});
