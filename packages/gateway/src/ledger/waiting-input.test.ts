// Input that waits for an epoch is bounded; what does not fit is not vouched for minute by minute, but not lost either.
import { describe, expect, it, onTestFinished } from "vitest";
import { bodiesOf, moduleAt } from "../metering/recording.fixture.js";
import { makePack } from "../pack.fixture.js";
import { gatewayRuns } from "./run.fixture.js";
import { FarSigner, unreachable } from "./signer.fixture.js";

const LONG = { timeout: 400_000 };
const modules = [1, 2, 3, 4, 5, 6, 7].map(moduleAt);
/** MAX_STEP: two readings further apart are not one interval's. */
const SILENCE_MS = 5000;

/** A run that ended its epoch, and one whose signer is away for so many seconds. */
async function awayFor(seconds: number) {
  const made = await makePack((cleanUp) => onTestFinished(cleanUp));
  const signer = new FarSigner(made.beginEpoch);
  const { start, audit, counted } = gatewayRuns(made, modules);
  const before = await start(signer.open);
  await before.pass(90);
  const ended = await before.stop();
  signer.away = unreachable();
  const here = await start(signer.open);
  expect(here.log.accepting).toBe(false);
  await here.pass(seconds);
  expect(here.log.store.durableSize).toBe(ended.entries.length);
  const waited = here.writer.unwritten;
  signer.away = undefined;
  await here.pass(130);
  expect(here.log.signing).toBe(true);
  const { entries, head } = await here.stop();
  return { ...here, entries, waited, report: await audit({ entries, head }), counted: counted() };
}

/** The record of each module: it tiles its counters, from the first reading to the last, and sums up to their progress. */
function expectWhole(entries: readonly Uint8Array[], counted: number): void {
  const parts = [...bodiesOf(entries, "energy.interval"), ...bodiesOf(entries, "energy.gap")];
  for (const { uid } of modules) {
    const record = parts.filter((body) => body.module === uid).toSorted((a, b) => a.t0 - b.t0);
    for (const [index, part] of record.slice(1).entries()) {
      expect([part.t0, part.start]).toEqual([record[index]?.t1, record[index]?.end]);
    }
    const sum = record.reduce((total, part) => total + part.in, 0);
    const [first, last] = [record.at(0)?.start?.in, record.at(-1)?.end?.in];
    expect(first).toBeDefined();
    expect(last).toBe(counted);
    expect(sum).toBe(counted - first!);
  }
}

describe("input that waits for an epoch", () => {
  it(
    "beyond its bound is a gap by each module's counters: nothing is lost from the books, and a verifier finds them whole",
    LONG,
    async () => {
      const { entries, said, waited, report, writer, counted } = await awayFor(900);
      expect(waited).toBe(4096);
      expect(said.filter((event) => event === "recorder.overflowed")).toHaveLength(1);
      expect(writer.refused).toBe(0);
      const [lost, ...others] = bodiesOf(entries, "ops.loss");
      expect(others).toEqual([]);
      expect(lost).toMatchObject({ what: "inputs", reason: "no-epoch" });
      expect(lost!.until - lost!.from).toBeGreaterThan(60 * SILENCE_MS);
      expectWhole(entries, counted);
      for (const { uid } of modules) {
        const silent = bodiesOf(entries, "energy.gap").filter(
          ({ module, reason }) => module === uid && reason === "silence",
        );
        expect(silent).toHaveLength(1);
        const { t0, t1, in: inward } = silent[0]!;
        expect(t1 - t0).toBeGreaterThan(60 * SILENCE_MS);
        expect(inward).toBeGreaterThan(0);
      }
      expect(report).toMatchObject({
        difference: undefined,
        verdict: "verified in part",
        entries: entries.length,
        signed: entries.length,
        epochs: 2,
      });
      const intervals = bodiesOf(entries, "energy.interval").reduce(
        (sum, { in: inward }) => sum + inward,
        0,
      );
      expect(report.energy.inMwh + report.energy.uncountedMwh).toBe(intervals);
    },
  );

  it("within it is entered whole: no gap but that of the restart", LONG, async () => {
    const { entries, said, waited, report, counted } = await awayFor(300);
    expect(waited).toBeLessThan(4096);
    expect(said).not.toContain("recorder.overflowed");
    expect(bodiesOf(entries, "ops.loss")).toEqual([]);
    expectWhole(entries, counted);
    expect(bodiesOf(entries, "energy.gap").map(({ t0, t1 }) => t1 - t0)).toEqual(
      modules.map(() => 1000),
    );
    expect(report).toMatchObject({ difference: undefined, signed: entries.length });
  });
});
