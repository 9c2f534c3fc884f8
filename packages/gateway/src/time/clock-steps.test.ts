import { millis } from "@wattseal/base";
import { decodeEntry } from "@wattseal/energy-ledger";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { recording } from "../metering/recording.fixture.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

type Recorded = Awaited<ReturnType<typeof recording>>;

const dated = ({ log }: Recorded) =>
  [...log.store.entries()].map((bytes) => {
    const { type, timeMs, body } = decodeEntry(bytes);
    return { type, timeMs, body };
  });

/** Each window starts where the one before ended, and each record of the module likewise. */
function expectTiling(recorded: Recorded): void {
  const windows = recorded.entries("energy.window");
  for (const [i, { t0, t1 }] of windows.entries()) {
    if (i > 0) expect(t0).toBe(windows[i - 1]!.t1);
    expect(t1).toBeGreaterThan(t0);
  }
  let [end, counters]: [number | undefined, unknown] = [undefined, undefined];
  let latest = 0;
  for (const { type, timeMs, body } of dated(recorded)) {
    expect(timeMs).toBeGreaterThanOrEqual(latest);
    latest = timeMs;
    if ((type !== "energy.interval" && type !== "energy.gap") || !("t1" in body)) continue;
    if (!("start" in body)) continue;
    if (end !== undefined) expect([body.t0, body.start]).toEqual([end, counters]);
    [end, counters] = [body.t1, body.end];
  }
}

describe("the record when the clock is set", () => {
  it("back an hour: the log's time stands still, then a gap carries what passed; its out counts, its in never", async () => {
    const recorded = await recording();
    const { run, read, entries, modules, timeSource, writer, complaints, recorder, clock } =
      recorded;
    const [module] = modules;
    read(module!, 10, { in: 0, out: 0 });
    const before = run(module!, 90, 10, { in: 0, out: 0 });
    timeSource.step(-HOUR);
    const charged = run(module!, 1800, 10, before);
    recorder.notice(module!, "module-fault", "told while time stands still");
    const after = run(module!, 1790, -10, charged);
    await writer.settled();

    const all = dated(recorded);
    const step = all.findLastIndex(({ type }) => type === "ops.clock");
    expect(all[step]!.body).toEqual({ sync: "synchronised", source: "test", step: -HOUR });
    const since = all.slice(step);
    expect(since.map(({ type }) => type)).toEqual(["ops.clock", "link.alarm"]);
    expect(new Set(since.map(({ timeMs }) => timeMs)).size).toBe(1);
    const intervals = entries("energy.interval");
    expect(intervals.at(-1)!.end).toMatchObject(before);
    expect(intervals.every(({ verdict }) => verdict === "consistent")).toBe(true);

    const last = run(module!, 120, 10, after);
    await writer.settled();
    expect(complaints).toEqual([]);
    const [gap, ...others] = entries("energy.gap");
    expect(others).toEqual([]);
    expect(gap).toMatchObject({ reason: "away", start: before });
    expect(gap!.end!.in).toBeGreaterThan(charged.in);
    expect(gap!.t1 - gap!.t0).toBeLessThan(2000);
    const window = entries("energy.window").find(({ net }) => net < 0);
    expect(window!.net).toBeLessThan(60_000 - after.out);
    expect(last.in).toBeGreaterThan(
      entries("society.charge").reduce((sum, c) => sum + c.amount, 0),
    );
    expectTiling(recorded);
    expect(clock.now()).toBe(timeSource.utc() + HOUR);
  });

  it("forward a day: the minute that is cut off has a window of its own, and readings go on after a gap", async () => {
    const recorded = await recording();
    const { run, read, entries, modules, timeSource, writer, complaints } = recorded;
    const [module] = modules;
    read(module!, 10, { in: 0, out: 0 });
    const before = run(module!, 90, 10, { in: 0, out: 0 });
    timeSource.step(DAY);
    run(module!, 90, 10, before);
    await writer.settled();
    expect(complaints).toEqual([]);
    expect(entries("ops.clock").at(-1)).toMatchObject({ step: DAY });
    expect(entries("energy.gap")).toEqual([
      expect.objectContaining({ reason: "away", start: expect.objectContaining(before) }),
    ]);
    expect(entries("energy.gap")[0]!.t1 - entries("energy.gap")[0]!.t0).toBe(DAY + 1000);
    expectTiling(recorded);
  });

  it("expires nothing while nobody vouches for it, and what is due once somebody does", async () => {
    const recorded = await recording();
    const { run, read, entries, modules, timeSource, writer, complaints, log } = recorded;
    const [module] = modules;
    read(module!, 10, { in: 0, out: 0 });
    let at = run(module!, 70, 10, { in: 0, out: 0 });
    timeSource.sync(false);
    timeSource.step(8 * DAY);
    at = run(module!, 120, 10, at);
    await writer.settled();
    expect(log.fold.synchronised).toBe(false);
    expect(entries("society.charge").length).toBeGreaterThan(1);
    expect(entries("society.expire")).toEqual([]);
    timeSource.sync(true);
    run(module!, 60, 10, at);
    await writer.settled();
    expect(complaints).toEqual([]);
    const [expired] = entries("society.expire");
    expect(expired!.lots.length).toBeGreaterThan(0);
  });

  it("goes on where the log ended, when a start finds UTC before it", async () => {
    const recorded = await recording();
    const { run, read, entries, modules, timeSource, writer, logClock, clock } = recorded;
    const [module] = modules;
    logClock.notBefore(millis(clock.now() + 10 * MINUTE));
    read(module!, 10, { in: 0, out: 0 });
    run(module!, 300, 10, { in: 0, out: 0 });
    await writer.settled();
    expect(entries("energy.interval")).toEqual([]);
    timeSource.step(HOUR);
    const at = run(module!, 130, 10, { in: 400_000, out: 0 });
    await writer.settled();
    expect(entries("energy.interval").length).toBeGreaterThan(1);
    expect(entries("energy.interval").at(-1)!.end!.in).toBeLessThan(at.in);
    expectTiling(recorded);
  });

  it("tiles windows and records over any steps", async () => {
    const move = fc.record({
      seconds: fc.integer({ min: 1, max: 150 }),
      step: fc.integer({ min: -300, max: 300 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(move, { minLength: 1, maxLength: 6 }), async (moves) => {
        const recorded = await recording();
        const { run, read, modules, timeSource, writer, complaints, recorder } = recorded;
        const [module] = modules;
        read(module!, 10, { in: 0, out: 0 });
        let at = { in: 0, out: 0 };
        for (const { seconds, step } of moves) {
          at = run(module!, seconds, step % 2 === 0 ? 10 : -10, at);
          timeSource.step(1000 * step);
        }
        recorder.closeEarly();
        await writer.settled();
        expect(complaints).toEqual([]);
        expectTiling(recorded);
      }),
      { numRuns: 25 },
    );
  }, 30_000);
});
