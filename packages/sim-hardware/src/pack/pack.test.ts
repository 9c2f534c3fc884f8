import { milliwattHours } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ModuleCells, RATED_AMP_HOURS, SERIES_CELLS } from "./cells.js";
import { ModuleCircuit, solveParallel } from "./circuit.js";
import { demoDemand } from "./demand.js";
import { EnergyMeter } from "./energy-meter.js";
import { openCircuitVolts, socAtRest } from "./ocv.js";
import { fixedShares, SeededRandom } from "./random.js";

const random = () => new SeededRandom(7);
const circuit = (soc: number, from = random()) =>
  new ModuleCircuit(new ModuleCells(from), from, soc);

describe("fixedShares", () => {
  it("are positive and sum to exactly one", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 31 }), fc.nat(), (count, seed) => {
        const shares = fixedShares(count, seed);
        expect(shares.length).toBe(count);
        expect(shares.every((share) => share > 0)).toBe(true);
        expect(shares.reduce((sum, share) => sum + share, 0)).toBe(1);
        expect(fixedShares(count, seed)).toEqual(shares);
      }),
    );
  });
});

describe("EnergyMeter", () => {
  const zero = { in: milliwattHours(0), out: milliwattHours(0) };

  it("counts 1 Wh for 3600 W over 1 s, each direction on its own", () => {
    const meter = new EnergyMeter(zero);
    meter.sample(0, 3600);
    meter.sample(1_000_000, 3600);
    meter.pause();
    meter.sample(2_000_000, -7200);
    meter.sample(3_000_000, -7200);
    expect([meter.in, meter.out]).toEqual([1000, 2000]);
  });

  it("carries the rest: a thousand steps of half a mWh are 500 mWh", () => {
    const meter = new EnergyMeter(zero);
    for (let i = 0; i <= 1000; i += 1) meter.sample(i * 500_000, 3.6);
    expect(meter.in).toBe(500);
  });

  it("goes on from its opening, and never back", () => {
    const meter = new EnergyMeter({ in: milliwattHours(10), out: milliwattHours(20) });
    let last = [10, 20];
    const steps = random();
    for (let i = 0; i < 500; i += 1) {
      meter.sample(i * 100_000, 4000 * (steps.next() - 0.5));
      const now = [meter.in, meter.out];
      expect(now[0]).toBeGreaterThanOrEqual(last[0]!);
      expect(now[1]).toBeGreaterThanOrEqual(last[1]!);
      last = now;
    }
  });
});

describe("open-circuit voltage", () => {
  it("rises with the state of charge, and is undone by socAtRest", () => {
    for (let soc = 0; soc <= 1; soc += 0.01) {
      expect(socAtRest(openCircuitVolts(soc))).toBeCloseTo(soc, 9);
    }
    expect([openCircuitVolts(-1), openCircuitVolts(2)]).toEqual([3, 4.18]);
    expect([socAtRest(0), socAtRest(9)]).toEqual([0, 1]);
  });
});

describe("circuit", () => {
  it("shares the power asked for: V · Σ I = P, more current through less resistance", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -40_000, max: 30_000 }),
        fc.integer({ min: 1, max: 9999 }),
        (watts, seed) => {
          const from = new SeededRandom(seed);
          const modules = Array.from({ length: 8 }, () => circuit(0.5, from));
          const volts = solveParallel(modules, watts);
          for (const module of modules) module.connect(volts);
          const amps = modules.reduce((sum, { cells }) => sum + cells.amps, 0);
          expect(volts * amps).toBeCloseTo(watts, 4);
        },
      ),
    );
  });

  it("charges at constant voltage near the end, and leaves the load alone at the floor", () => {
    const full = [circuit(0.97)];
    expect(solveParallel(full, 8000)).toBe(SERIES_CELLS * 4.15);
    const empty = [circuit(0.0)];
    expect(solveParallel(empty, -8000)).toBe(SERIES_CELLS * 3.0);
    expect(solveParallel(empty, -1e9)).toBe(SERIES_CELLS * 3.0);
  });

  it("moves its charge by what flowed, warms up, sags under load and recovers", () => {
    const module = circuit(0.6);
    const rest = module.sourceVolts;
    for (let i = 0; i < 600; i += 1) {
      module.connect(solveParallel([module], -5000));
      module.advance(0.1);
    }
    // About 14 A for a minute of 16 Ah, within the spread of capacity.
    const amps = module.cells.amps;
    expect(0.6 - module.cells.soc).toBeCloseTo((-amps / 60 / RATED_AMP_HOURS) * 1, 2);
    expect(module.cells.celsius).toBeGreaterThan(20.05);
    const under = module.cells.volts;
    module.disconnect();
    for (let i = 0; i < 3000; i += 1) module.advance(0.1);
    expect(module.sourceVolts).toBeGreaterThan(under + 1);
    expect(module.sourceVolts).toBeLessThan(rest);
  });
});

describe("demoDemand", () => {
  it("charges, then drives, each for minutes, and ends about where it began", () => {
    const demand = demoDemand(8);
    let sum = 0;
    let charged = 0;
    let driven = 0;
    for (let second = 0; second < 450; second += 0.1) {
      const watts = demand.watts(second, 0.5);
      sum += watts / 10;
      if (watts > 0 && second < 200) charged += 0.1;
      if (watts < 0) driven += 0.1;
      expect(Math.abs(watts)).toBeLessThan(40_000);
    }
    expect(charged).toBeGreaterThan(190);
    expect(driven).toBeGreaterThan(180);
    // Within a hundredth of the pack's 44 kWh.
    expect(Math.abs(sum)).toBeLessThan(0.01 * 44_000 * 3600);
  });
});
