import { type Millis, millis, milliwattHours } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ModuleCells } from "../pack/cells.js";
import { EnergyMeter } from "../pack/energy-meter.js";
import { fixedShares, SeededRandom } from "../pack/random.js";
import { bytesOf, recordedFile, START, VirtualWall } from "../testing.fixture.js";
import { SimKernel } from "../time/kernel.js";
import { type Recording, readRecording } from "./recording.js";
import { ReplaySource } from "./replay-source.js";

function play(recording: Recording, count: number, linked: (now: Millis) => boolean = () => true) {
  const kernel = new SimKernel({ start: START, wall: new VirtualWall() });
  const zero = milliwattHours(0);
  const modules = Array.from({ length: count }, (_, i) => ({
    cells: new ModuleCells(new SeededRandom(i)),
    meter: new EnergyMeter({ in: zero, out: zero }),
    connected: false,
    withheld: false,
    withhold(withheld: boolean) {
      this.withheld = withheld;
    },
    get linked() {
      return linked(kernel.now());
    },
  }));
  const source = new ReplaySource({ kernel, modules, recording, seed: 1 });
  source.start();
  const toEnd = async () => {
    const run = kernel.run();
    await source.finished;
    kernel.stop();
    await run;
    return kernel.now() - START;
  };
  const sum = (of: "in" | "out") => modules.reduce((total, { meter }) => total + meter[of], 0);
  const until = (ms: number) => kernel.run({ until: millis(START + ms) });
  return { kernel, modules, source, toEnd, sum, until };
}

function expectTotals(player: ReturnType<typeof play>, recording: Recording): void {
  const count = player.modules.length;
  for (const of of ["in", "out"] as const) {
    const missing = recording.wattHours[of] * 1000 - player.sum(of);
    expect(missing).toBeGreaterThan(-1e-3);
    expect(missing).toBeLessThan(count);
  }
}

describe("ReplaySource", () => {
  const files = ["bmw-i3/TripB02.csv", "bmw-i3/TripA04.csv", "panasonic-18650pf/25degC_US06.csv"];
  for (const name of files) {
    const { url, present } = recordedFile(name);
    const title = present ? name : `${name} (skipped: ../shared/data is absent)`;
    it.skipIf(!present)(`puts the whole energy of ${title} into the counters`, async () => {
      const recording = readRecording(bytesOf(url), name);
      for (const count of [1, 8, 31]) {
        const player = play(recording, count);
        await player.toEnd();
        expectTotals(player, recording);
      }
    });
  }

  it("gives each module a fixed positive share, the whole voltage, and the file's temperature and SOC", async () => {
    const recording = readRecording("t_s,V,A,temp,soc\n0,380,-80,21,70\n1,370,-160,22,69\n", "x");
    const player = play(recording, 8);
    await player.until(1500);
    const shares = fixedShares(8, 1);
    player.modules.forEach(({ cells }, i) => {
      expect(cells).toMatchObject({ volts: 380, amps: -80 * shares[i]!, celsius: 21, soc: 0.7 });
    });
    await player.until(1999);
    const before = player.modules.map(({ cells }) => cells.amps);
    // The last sample is shown only for the end of its trapezoid.
    await player.until(2000);
    player.modules.forEach(({ cells }, i) => {
      expect(before[i]).toBe(-80 * shares[i]!);
      expect(cells).toMatchObject({ volts: 370, amps: 0, celsius: 22, soc: 0.69 });
    });
  });

  it("waits for every link with zero current, then for no more than 60 s", async () => {
    const recording = readRecording("t_s,V,A\n100,380,-36\n101,380,-36\n", "x");
    const late = play(recording, 2, (now) => now >= START + 5000);
    await late.until(5900);
    expect(late.modules[0]!.cells).toMatchObject({ volts: 380, amps: 0 });
    expect(await late.toEnd()).toBe(5000 + 1000 + 1000 + 1500);
    const never = play(recording, 2, () => false);
    expect(await never.toEnd()).toBe(60_000 + 1000 + 1000 + 1500);
    expect(never.sum("out")).toBe(3800 - 1);
  });

  it("skips a hole, however long, in six seconds without a reading: longer than the pack bridges", async () => {
    const recording = readRecording(
      "t_s,V,A\n0,100,-36\n1,100,-36\n5000,100,36\n5001,100,36\n",
      "x",
    );
    const player = play(recording, 1);
    const [module] = player.modules;
    const states: (readonly [number, boolean])[] = [];
    for (const ms of [1500, 2001, 7999, 8000, 9000]) {
      await player.until(ms);
      states.push([module!.cells.amps, module!.withheld]);
    }
    expect(states).toEqual([
      [-36, false],
      [0, true],
      [0, true],
      [36, false],
      [0, false],
    ]);
    expect(await player.toEnd()).toBe(1000 + 1000 + 6000 + 1000 + 1500);
    expect([player.sum("in"), player.sum("out")]).toEqual([1000, 1000]);
  });

  it("refuses a current whose share is beyond a module's reading, before it plays anything", () => {
    const recording = readRecording("t_s,V,A\n0,380,-36\n1,380,1220\n2,380,-1400\n", "x.csv");
    const refused = (count: number, line: number) =>
      expect(() => play(recording, count)).toThrowError(
        expect.objectContaining({
          code: "recording",
          message: expect.stringMatching(
            new RegExp(`^x\\.csv, line ${line}: .* one of ${count} modules?; .*655\\.34 A`),
          ),
        }),
      );
    refused(1, 3);
    refused(2, 4);
    expect(() => play(recording, 3)).not.toThrow();
  });

  it("counts charge where the file has no SOC", async () => {
    const rows = Array.from({ length: 361 }, (_, i) => `${i},380,-32`);
    const player = play(readRecording(`t_s,V,A\n${rows.join("\n")}\n`, "x"), 2);
    const first = player.modules[0]!.cells.soc;
    await player.toEnd();
    // 32 A for 0.1 h from two modules of 16 Ah.
    expect(first - player.modules[0]!.cells.soc).toBeCloseTo(0.1, 6);
  });

  it("integrates exactly for any samples: within 1 mWh a module and direction", async () => {
    const sample = fc.record({
      step: fc.integer({ min: 1, max: 8000 }),
      volts: fc.integer({ min: 0, max: 8000 }),
      amps: fc.integer({ min: -5000, max: 5000 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(sample, { minLength: 2, maxLength: 60 }),
        fc.integer({ min: 1, max: 31 }),
        async (samples, count) => {
          let time = 0;
          const rows = samples.map(({ step, volts, amps }) => {
            time += step;
            return `${time / 1000},${volts / 10},${amps / 10}`;
          });
          const recording = readRecording(`t_s,V,A\n${rows.join("\n")}`, "any");
          const player = play(recording, count);
          await player.toEnd();
          expectTotals(player, recording);
        },
      ),
      { numRuns: 60 },
    );
  });
});
