import { milliwattHours, moduleUid, slot } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import { decodeEntry } from "../entries/entry.js";
import { MINUTE, readyLog, type TestLog } from "../ledger.fixture.js";
import { MODULE, OTHER } from "../samples.fixture.js";
import { claimedTwice, type Stay, StayBook } from "./stays.js";

/** What a log says of where its modules were. */
function staysIn(log: TestLog): readonly Stay[] {
  const book = new StayBook();
  for (const [index, bytes] of log.entries.entries()) book.observe(index, decodeEntry(bytes));
  return book.stays();
}
const reach = ({ start, end }: Stay) => [start.in, end.in, start.out, end.out];

function pair(log: TestLog): void {
  const [moduleKey, packKey] = [new Uint8Array(32), new Uint8Array(32)];
  const keys = { slot: slot(1), bus: 0, moduleKey, packKey };
  log.add("link.paired", { module: MODULE, ...keys, capacity: milliwattHours(5_000_000) });
}

function minute(log: TestLog, inward: number, out: number, module = MODULE): number {
  log.now += MINUTE;
  return log.interval(inward, out, {}, module);
}

describe("where a module has been", () => {
  it("is from its first interval to its latest, gaps included, one stay for each module", () => {
    const log = readyLog();
    const first = minute(log, 100, 0);
    log.now += MINUTE;
    log.gap(50, 20);
    const last = minute(log, 0, 30);
    minute(log, 7, 0, OTHER);
    const [own, other] = staysIn(log);
    expect(own).toMatchObject({ module: MODULE, first, last });
    const [in0, in1, out0, out1] = reach(own!);
    expect([in1! - in0!, out1! - out0!]).toEqual([150, 50]);
    expect(other).toMatchObject({ module: OTHER });
  });

  it("ends when the module is unpaired; what its counters did elsewhere is of no stay", () => {
    const log = readyLog();
    minute(log, 100, 0);
    log.add("link.unpaired", { module: MODULE, reason: "moved" });
    pair(log);
    log.now += MINUTE;
    log.gap(1_000, 0);
    minute(log, 10, 0);
    const stays = staysIn(log).filter(({ module }) => module === MODULE);
    expect(stays).toHaveLength(2);
    expect(stays[1]!.start.in - stays[0]!.end.in).toBe(1_000);
  });

  it("is told once while it grows, and again when it has grown", () => {
    const log = readyLog();
    minute(log, 100, 0);
    const book = new StayBook();
    const feed = (from: number) => {
      for (let i = from; i < log.entries.length; i += 1)
        book.observe(i, decodeEntry(log.entries[i]!));
    };
    feed(0);
    expect(book.takeChanged()).toHaveLength(1);
    expect(book.takeChanged()).toEqual([]);
    const before = log.entries.length;
    minute(log, 5, 0);
    feed(before);
    expect(book.takeChanged().map(({ last }) => last)).toEqual([log.entries.length - 1]);
  });

  it("stays bounded, whatever a log says", () => {
    const log = readyLog();
    for (let i = 0; i < 40; i += 1) {
      minute(log, 1, 0);
      log.add("link.unpaired", { module: MODULE, reason: "again" });
      pair(log);
    }
    expect(staysIn(log).filter(({ module }) => module === MODULE)).toHaveLength(16);
  });

  it("tells of no more than it follows after a log that names a module an entry", () => {
    const log = readyLog();
    minute(log, 1, 0);
    const entry = decodeEntry(log.entries.at(-1)!);
    if (entry.type !== "energy.interval") throw new Error("no interval");
    const book = new StayBook();
    for (let i = 0; i < 140_000; i += 1) {
      const module = moduleUid(i.toString(16).padStart(16, "0"));
      book.observe(i, { ...entry, body: { ...entry.body, module } });
    }
    book.forgetPast();
    const told = book.takeChanged().map(({ last }) => last);
    expect(told).toEqual(Array.from({ length: 256 }, (_, i) => 140_000 - 256 + i));
  });
});

describe("two stays of one module", () => {
  const stay = (in0: number, in1: number, out0 = 0, out1 = 0): Stay => ({
    ...staysIn(oneMinute)[0]!,
    start: { in: in0, out: out0 },
    end: { in: in1, out: out1 },
  });
  const oneMinute = readyLog();
  minute(oneMinute, 1, 0);

  it("claim nothing twice where the counters of one follow those of the other", () => {
    expect(claimedTwice(stay(0, 100), stay(100, 200))).toEqual({ in: 0, out: 0 });
    expect(claimedTwice(stay(0, 100, 0, 7), stay(100, 100, 7, 9))).toEqual({ in: 0, out: 0 });
  });

  it("claim twice what both counted", () => {
    expect(claimedTwice(stay(0, 100), stay(60, 200))).toEqual({ in: 40, out: 0 });
    expect(claimedTwice(stay(50, 50, 0, 90), stay(0, 100, 10, 30))).toEqual({ in: 0, out: 20 });
  });
});
