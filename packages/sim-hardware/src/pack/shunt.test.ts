import { millis } from "@wattseal/base";
import { isShunt, ShuntReceiver, type ShuntSample } from "@wattseal/can-protocol";
import { describe, expect, it } from "vitest";
import { faultBench } from "../faults/fault-bench.fixture.js";

/** A pack of four under constant charge, and what its shunt says. */
async function shuntBench(options: Parameters<typeof faultBench>[0] = {}) {
  const bench = await faultBench({ name: "shunt", shunt: true, ...options });
  const receiver = new ShuntReceiver();
  const samples: ShuntSample[] = [];
  const alarms: string[] = [];
  const listener = bench.bus.attach({ name: "listener" });
  listener.listen({
    frame: (frame, time) => {
      const heard = receiver.frame(frame, time);
      if (heard.sample !== undefined) samples.push(heard.sample);
      alarms.push(...heard.alarms.map(({ kind }) => kind));
    },
    sent: () => {},
    error: () => {},
    state: () => {},
  });
  return { ...bench, samples, alarms };
}

const WATT_STEP = 0.015 * 0.02;
const watts = ({ voltage, current }: ShuntSample) => voltage * current * WATT_STEP;

describe("the simulated shunt", () => {
  it("shows ten times a second what all modules together take in", async () => {
    const { run, samples, alarms, simulator, modules } = await shuntBench();
    const counted = () => modules.reduce((sum, { energyIn }) => sum + energyIn, 0);
    await run(30);
    const [heard, before, shown] = [samples.length, counted(), samples.at(-1)!.inMwh];
    await run(60);
    expect(samples.length - heard).toBe(600);
    expect(alarms).toEqual([]);
    expect(watts(samples.at(-1)!)).toBeCloseTo(8000, -1);
    const { inMwh, outMwh } = samples.at(-1)!;
    expect((inMwh - shown) / (counted() - before)).toBeCloseTo(1, 3);
    expect(outMwh).toBe(0);
    await simulator.stop();
  });

  it("shows more or less under a fault, counts as it shows, and is right again afterwards", async () => {
    const { run, samples, simulator } = await shuntBench();
    await run(30);
    const end = simulator.inject({ fault: "shunt", gain: 0.5, offsetAmps: -100 });
    await run(30);
    expect(watts(samples.at(-1)!)).toBeLessThan(-20_000);
    expect(samples.at(-1)!.outMwh).toBeGreaterThan(20_000 * 29 * (1000 / 3600));
    end();
    await run(1);
    expect(watts(samples.at(-1)!)).toBeCloseTo(8000, -1);
    await simulator.stop();
  });

  it("falls silent under a fault, and counts on meanwhile", async () => {
    const { run, samples, alarms, simulator } = await shuntBench();
    await run(30);
    const end = simulator.inject({ fault: "shunt", silent: true });
    await run(1);
    const [heard, counted] = [samples.length, samples.at(-1)!.inMwh];
    await run(30);
    expect(samples).toHaveLength(heard);
    end();
    await run(1);
    expect(samples.at(-1)!.inMwh - counted).toBeGreaterThan(8000 * 29 * (1000 / 3600));
    expect(alarms).toEqual(["shunt-sequence"]);
    await simulator.stop();
  });

  it("is not there unless asked for, and a fault of it is refused then", async () => {
    const { simulator, kernel, bus } = await faultBench({ name: "no shunt" });
    let heard = 0;
    bus.attach({ name: "listener" }).listen({
      frame: ({ id }) => {
        if (isShunt(id)) heard += 1;
      },
      sent: () => {},
      error: () => {},
      state: () => {},
    });
    await simulator.run({ until: millis(kernel.now() + 2000) });
    expect(heard).toBe(0);
    expect(() => simulator.inject({ fault: "shunt", gain: 2 })).toThrow(/has none/);
    await simulator.stop();
  });
});
