import { describe, expect, it } from "vitest";
import { telemetryPeriod } from "./telemetry-period.js";

const classic = { info: { nominalBitRate: 500_000, dataBitRate: undefined }, fd: false };
const slow = { info: { nominalBitRate: 250_000, dataBitRate: undefined }, fd: false };
const fd = { info: { nominalBitRate: 500_000, dataBitRate: 2_000_000 }, fd: true };

/** By hand: 29-bit identifier, 8 bytes: 131 bits with intermission, and a stuff bit in 33 of the first 118. */
const FRAME_MS = ((131 + 118 / 33) * 1000) / 500_000;

describe("the telemetry period", () => {
  it("is 5 Hz for 31 modules at 500 kbit/s if wished, at about a third of the wire and heartbeats", () => {
    const { periodMs, load } = telemetryPeriod({ modules: 31, ...classic, hz: 5 });
    expect(periodMs).toBe(200);
    const telemetry = (31 * 5 * 8 * FRAME_MS) / 1000;
    const heartbeats = (31 * 3 * FRAME_MS) / 1000;
    const handshakes = (31 * 6 * (1 + 6 + 8 + 3 + 3) * FRAME_MS) / 60_000;
    expect(telemetry).toBeCloseTo(1 / 3, 2);
    expect(heartbeats).toBeCloseTo(0.025, 3);
    expect(load).toBeCloseTo(telemetry + heartbeats + handshakes, 2);
  });

  it("is as short as the share allows, and no shorter than 10 Hz", () => {
    const eight = telemetryPeriod({ modules: 8, ...classic });
    expect(eight.periodMs).toBe(100);
    expect(eight.load).toBeLessThan(0.2);
    const all = telemetryPeriod({ modules: 31, ...classic });
    expect(all.periodMs).toBe(130);
    expect(all.load).toBeLessThanOrEqual(0.6);
    expect(telemetryPeriod({ modules: 31, ...fd })).toMatchObject({ periodMs: 100 });
  });

  it("is longer than 5 Hz where 5 Hz would not fit", () => {
    const plan = telemetryPeriod({ modules: 31, ...slow, hz: 5 });
    expect(plan.periodMs).toBe(270);
    expect(plan.load).toBeLessThanOrEqual(0.6);
  });

  it("ends at a second, and says the load that this means", () => {
    const plan = telemetryPeriod({ modules: 31, ...slow, share: 0.1 });
    expect(plan.periodMs).toBe(1000);
    expect(plan.load).toBeGreaterThan(0.1);
  });

  it("never exceeds its share but at a second, for any number of modules", () => {
    for (let modules = 1; modules <= 31; modules += 1) {
      for (const bus of [classic, slow, fd]) {
        for (const share of [0.05, 0.3, 0.6, 0.9]) {
          const { periodMs, load } = telemetryPeriod({ modules, ...bus, share });
          if (periodMs < 1000) expect(load).toBeLessThanOrEqual(share);
        }
      }
    }
  });

  it("refuses what no bus has", () => {
    for (const wrong of [{ modules: 0 }, { modules: 32 }, { hz: 11 }, { share: 1.1 }]) {
      expect(() => telemetryPeriod({ modules: 8, ...classic, ...wrong })).toThrow(
        expect.objectContaining({ code: "field-range" }),
      );
    }
  });
});
