import { decodeEntry, type EntryBody, windowOf } from "@wattseal/energy-ledger";
import { describe, expect, it } from "vitest";
import { moduleAt, recording } from "./recording.fixture.js";

type Resolution = EntryBody<"energy.resolution">;
const MINUTE = 60_000;

/** A pack whose modules are read once a second; `wanted` is what there is room for. */
async function pack(count = 1) {
  const wanted: { now: Resolution | undefined } = { now: undefined };
  const modules = Array.from({ length: count }, (_, i) => moduleAt(i + 1));
  const at = await recording(modules, [], false, undefined, { resolution: () => wanted.now });
  const want = (minutes: number) => {
    wanted.now = { minutes, reason: minutes > 1 ? "disk-pressure" : "room", detail: "test" };
  };
  /** To `ms` after a minute that so many minutes divide. */
  const alignTo = (minutes: number, ms = 500) => {
    const left = minutes * MINUTE - (at.clock.now() % (minutes * MINUTE));
    at.clock.advance(left + ms);
  };
  return { ...at, want, alignTo, module: modules[0]! };
}

const sum = (list: readonly { readonly in: number; readonly out: number }[]) =>
  list.reduce((all, { in: inward, out }) => ({ in: all.in + inward, out: all.out + out }), {
    in: 0,
    out: 0,
  });

describe("where there is no room for an interval a minute", () => {
  it("they close at every ten minutes of the hour, from an entry on that says so, and the windows with them", async () => {
    const { alignTo, want, run, read, writer, entries, module, complaints, log } = await pack();
    alignTo(60);
    read(module, 10, { in: 0, out: 0 });
    let at = run(module, 150, 10, { in: 0, out: 0 });
    want(10);
    at = run(module, 1_500, 9, at);
    want(1);
    run(module, 120, 10, at);
    await writer.settled();
    expect(complaints).toEqual([]);
    const types = [...log.store.entries()].map((bytes) => decodeEntry(bytes));
    const told = types.flatMap(({ type, timeMs }) =>
      type === "energy.resolution" ? [timeMs] : [],
    );
    expect(entries("energy.resolution").map(({ minutes }) => minutes)).toEqual([10, 1]);
    const intervals = entries("energy.interval");
    expect(new Set(intervals.map(({ verdict }) => verdict))).toEqual(new Set(["consistent"]));
    const start = windowOf(intervals[0]!.t0);
    // 0 1 2, then 3 to 9, 10 to 19 and 20 to 27 (there was room again), and minutes.
    expect(intervals.map(({ t1 }) => windowOf(t1) - start)).toEqual([0, 1, 2, 9, 19, 27, 28]);
    expect(told.map((time) => windowOf(time) - start)).toEqual([3, 28]);
    const windows = entries("energy.window");
    expect(windows.map(({ net }) => net)).toEqual(intervals.map((i) => i.in - i.out));
    for (const [i, { t0 }] of windows.entries()) if (i > 0) expect(t0).toBe(windows[i - 1]!.t1);
  });

  it("no energy is lost or made: the counters' difference is the sum, by the integral as well", async () => {
    const { alignTo, want, run, read, writer, entries, module, recorder, log } = await pack();
    alignTo(60);
    read(module, 2, { in: 0, out: 0 });
    let at = { in: 0, out: 0 };
    for (const [i, minutes] of [1, 10, 60, 10, 1].entries()) {
      want(minutes);
      at = run(module, 700 + 61 * i, i % 2 === 0 ? 2 : -1, at);
    }
    recorder.closeEarly();
    await writer.settled();
    const intervals = entries("energy.interval");
    expect(sum(intervals)).toEqual(at);
    const integral = sum(intervals.map((i) => ({ in: i.integralIn, out: i.integralOut })));
    expect(Math.abs(integral.in - at.in)).toBeLessThan(100);
    expect(Math.abs(integral.out - at.out)).toBeLessThan(100);
    expect(log.fold.totals).toMatchObject({ inMwh: at.in, outMwh: at.out, uncountedMwh: 0 });
    const nets = entries("energy.window").reduce((all, { net }) => all + net, 0);
    expect(nets).toBe(at.in - at.out);
  });

  it("a restart goes on at the log's resolution, and returns to minutes once it knows of room", async () => {
    const first = await pack();
    first.alignTo(60);
    first.read(first.module, 10, { in: 0, out: 0 });
    first.want(10);
    const at = first.run(first.module, 100, 10, { in: 0, out: 0 });
    first.recorder.stop();
    first.recorder.closeEarly();
    await first.writer.settled();
    await first.log.close();
    const wanted: { now: Resolution | undefined } = { now: undefined };
    const next = await recording(first.modules, [], false, undefined, {
      pack: first,
      resolution: () => wanted.now,
    });
    expect(next.log.fold.resolution).toBe(10);
    const intervals = () => next.entries("energy.interval").length;
    const before = intervals();
    const later = next.run(first.module, 180, 10, at);
    expect(intervals()).toBe(before);
    wanted.now = { minutes: 1, reason: "room", detail: "" };
    next.run(first.module, 120, 10, later);
    await next.writer.settled();
    expect(next.complaints).toEqual([]);
    expect(next.log.fold.resolution).toBe(1);
    expect(intervals()).toBe(before + 2);
    expect(next.entries("energy.gap")).toHaveLength(1);
  });

  it("a silence is still a gap of its own", async () => {
    const { alignTo, want, run, read, writer, entries, module, clock } = await pack();
    alignTo(60);
    read(module, 10, { in: 0, out: 0 });
    want(10);
    const at = run(module, 120, 10, { in: 0, out: 0 });
    clock.advance(30_000);
    run(module, 600, 10, { in: at.in + 9_000, out: 0 });
    await writer.settled();
    expect(entries("energy.gap")).toEqual([
      expect.objectContaining({ reason: "silence", in: expect.any(Number) }),
    ]);
  });
});
