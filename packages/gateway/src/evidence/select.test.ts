/** From what a recorder keeps to the intervals that it entered. */
import { silentLogger } from "@wattseal/base";
import { type EnergyInterval, rederive } from "@wattseal/energy-ledger";
import { describe, expect, it } from "vitest";
import { HandClock } from "../clock.fixture.js";
import { CAPACITY, moduleAt, recording } from "../metering/recording.fixture.js";
import type { KeptReading } from "./block.js";
import { MemoryFiles } from "./memory-files.fixture.js";
import { readEvidence } from "./read.js";
import { selectInterval } from "./select.js";
import { EvidenceStore } from "./store.js";

const ROOMY = { maxAgeMs: 1e10, maxBytes: 1e9 };
const OTHER_SESSION = new Uint8Array(32).fill(9);

async function recorded() {
  const files = new MemoryFiles();
  const clock = new HandClock();
  const options = { files, limits: ROOMY, wallClock: clock, logger: silentLogger };
  const store = await EvidenceStore.open(options);
  const modules = [moduleAt(1), moduleAt(2)];
  const pack = await recording(modules, [], false, store);
  const [one, two] = modules as [(typeof modules)[0], (typeof modules)[0]];
  let at = pack.run(one, 130, 37, { in: 1_000, out: 500 });
  pack.clock.advance(9_000); // a gap
  at = pack.run(one, 30, -11, at);
  pack.read(one, -11, at, pack.recorder, 50, OTHER_SESSION); // a new session within the minute
  at = pack.run(one, 40, -11, at);
  pack.run(two, 70, 5, { in: 0, out: 0 });
  pack.recorder.closeEarly();
  await pack.writer.settled();
  await store.close();
  const intervals = pack.entries("energy.interval");
  const kept = async ({ module, t0, t1 }: EnergyInterval) =>
    (await readEvidence(files, { module, from: t0, to: t1 })).readings;
  return { intervals, kept };
}

/** Of the module's minute, by the intervals before (rules M-8 and M-10). */
function usedBefore(intervals: readonly EnergyInterval[], place: number) {
  const { module, t1 } = intervals[place]!;
  const window = Math.floor(t1 / 60_000);
  const before = intervals
    .slice(0, place)
    .filter(
      (other) =>
        other.module === module &&
        Math.floor(other.t1 / 60_000) === window &&
        other.verdict === "consistent",
    );
  const sum = (of: (interval: EnergyInterval) => number) =>
    before.reduce((total, interval) => total + of(interval), 0);
  return {
    window,
    difference: sum((i) => Math.abs(i.in - i.integralIn) + Math.abs(i.out - i.integralOut)),
    through: sum((i) => i.in + i.out),
  };
}

describe("what a recorder keeps", () => {
  it("derives every interval that it entered: across gaps and sessions, of each module", async () => {
    const { intervals, kept } = await recorded();
    expect(intervals.length).toBeGreaterThan(6);
    for (const [place, interval] of intervals.entries()) {
      const retained = selectInterval(interval, await kept(interval));
      if ("found" in retained) expect.fail(`${retained.found} readings of interval ${place}`);
      const standing = { capacity: CAPACITY, used: usedBefore(intervals, place) };
      const { fields } = rederive(interval, retained, standing);
      const wrong = fields.filter(({ finding }) => finding !== "ok");
      expect(wrong, `interval ${place}`).toEqual([]);
    }
    const sessions = await Promise.all(
      intervals.map(async (interval) => {
        const retained = selectInterval(interval, await kept(interval));
        const hashes =
          "found" in retained ? [] : retained.readings.map(({ session }) => session[0]);
        return new Set(hashes).size;
      }),
    );
    expect(Math.max(...sessions)).toBe(2);
  });

  it("says how much is there where readings are missing", async () => {
    const { intervals, kept } = await recorded();
    const interval = intervals[1]!;
    const readings = await kept(interval);
    const first = readings.findIndex(({ time }) => Math.floor(time / 1000) > interval.t0);
    const without = (at: number, count = 1) =>
      selectInterval(interval, readings.toSpliced(at, count));
    expect(without(first + 3)).toEqual({ found: interval.readings - 1 });
    expect(without(first, interval.readings)).toEqual({ found: 0 });
    expect(without(first - 1)).toHaveProperty("found"); // what it starts from
    expect(selectInterval(interval, [])).toEqual({ found: 0 });
    const unmarked: KeptReading[] = readings.map((one) => ({ ...one, begins: undefined }));
    expect(selectInterval(interval, unmarked)).toHaveProperty("found");
    expect(without(readings.length - 1)).toHaveProperty("readings");
  });
});
