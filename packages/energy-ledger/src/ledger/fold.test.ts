import { millis, milliwattHours } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import { DAY, foldOf, MINUTE, readyLog, START, TestLog } from "../ledger.fixture.js";
import { counters, type interval, MODULE, NOON, OTHER } from "../samples.fixture.js";

const mwh = milliwattHours;
const refusal = (code: string, reason?: RegExp) =>
  expect.objectContaining({
    code,
    ...(reason === undefined ? {} : { message: expect.stringMatching(reason) }),
  });

describe("the order of entries", () => {
  const document = {
    type: "lct.document",
    timeMs: millis(5),
    body: { sign1: Uint8Array.of(1) },
  } as const;
  const epoch = {
    type: "epoch.begin",
    timeMs: millis(5),
    body: { evidence: Uint8Array.of(1) },
  } as const;

  it("starts with the LCT document and the first epoch", () => {
    const fold = foldOf();
    expect(() => fold.apply(0, epoch)).toThrow(refusal("order", /entry 0 \(epoch.begin\)/));
    expect(() => fold.apply(1, document)).toThrow(refusal("order", /entry 0 belongs/));
    fold.apply(0, document);
    expect(() => fold.apply(1, document)).toThrow(refusal("order"));
    fold.apply(1, epoch);
    expect(fold.size).toBe(2);
  });

  it("is that of time", () => {
    const fold = foldOf();
    fold.apply(0, document);
    expect(() => fold.apply(1, { ...epoch, timeMs: millis(4) })).toThrow(refusal("time"));
  });

  it("lets only a new epoch follow the end of one", () => {
    const log = new TestLog();
    expect(() => log.add("epoch.end", { epoch: 2, reason: "shutdown" })).toThrow(refusal("epoch"));
    log.add("epoch.end", { epoch: 1, reason: "shutdown" });
    expect(() => log.clock("synchronised")).toThrow(refusal("order", /after the end/));
    log.begin();
    log.clock("synchronised");
  });

  it("ends an epoch that has expired", () => {
    const log = new TestLog();
    log.now += 401 * DAY;
    expect(() => log.clock("synchronised")).toThrow(refusal("epoch", /expired/));
  });

  it("takes the clock as unsynchronised when an epoch begins", () => {
    const log = new TestLog();
    expect(log.fold.synchronised).toBe(true);
    log.add("epoch.begin", { evidence: Uint8Array.of(1) });
    expect(log.fold.synchronised).toBe(false);
  });
});

describe("a module's entries", () => {
  it("tile its time and counters", () => {
    const log = new TestLog();
    log.interval(10, 20);
    log.now += MINUTE;
    const wrong: readonly [RegExp, Partial<typeof interval>][] = [
      [/its record ends at/, { t0: millis(START - 1) }],
      [/other counters/, { start: counters(10, 19), out: mwh(21), integralOut: mwh(21) }],
      [/other counters/, { start: counters(10, 20, 2) }],
      [
        /other counters/,
        { start: undefined, end: undefined, digest: undefined, verdict: "unauthenticated" },
      ],
    ];
    for (const [reason, over] of wrong) {
      expect(() => log.interval(0, 20, over)).toThrow(refusal("tiling", reason));
    }
    log.interval(0, 20);
    log.gap(1, 1);
    expect(log.fold.moduleEnd(MODULE)).toMatchObject({ t1: START + MINUTE, end: counters(11, 41) });
    expect(() => log.gap(0, 0, OTHER)).toThrow();
  });

  it("say what their counters say", () => {
    const log = new TestLog();
    expect(() => log.interval(5, 5, { in: mwh(6) })).toThrow(refusal("record"));
    expect(() => log.interval(5, 5, { digest: undefined })).toThrow(refusal("record"));
    expect(() => log.interval(5, 5, { end: undefined })).toThrow(refusal("record"));
    expect(() => log.interval(5, 5, { readings: 0 })).toThrow(refusal("record"));
    expect(() => log.interval(5, 5, { voltageHigh: 0 })).toThrow(refusal("record"));
    log.interval(5, 5);
    const hole = { module: MODULE, t0: log.time, t1: log.time, start: counters(5, 5) };
    expect(() => log.add("energy.reset", { ...hole, end: counters(5, 6) })).toThrow(
      refusal("record"),
    );
    log.add("energy.reset", { ...hole, end: counters(5, 4, 2) });
    expect(log.fold.moduleEnd(MODULE)?.end).toEqual(counters(5, 4, 2));
  });

  it("have the verdict of their figures, or a stricter one", () => {
    const log = new TestLog();
    const off = { integralOut: mwh(300) };
    expect(() => log.interval(0, 100, off)).toThrow(refusal("verdict", /figures say suspect/));
    expect(() => log.interval(0, 100, { verdict: "unauthenticated" })).toThrow(refusal("verdict"));
    log.interval(0, 100, { ...off, verdict: "suspect" });
    log.now += 10;
    log.interval(0, 100, { verdict: "suspect" });
  });

  it("need its pairing, unless it is a legacy module", () => {
    const log = new TestLog();
    log.add("link.unpaired", { module: MODULE, reason: "replaced" });
    expect(log.fold.pairedModules()).toEqual([OTHER]);
    expect(() => log.interval(0, 0)).toThrow(refusal("pairing"));
    expect(() => log.add("link.unpaired", { module: MODULE, reason: "replaced" })).toThrow(
      refusal("pairing"),
    );
    const legacy = { start: undefined, end: undefined, digest: undefined } as const;
    log.interval(5, 5, { ...legacy, verdict: "unauthenticated" });
  });
});

describe("a window", () => {
  it("counts nothing of a reset, in neither direction", () => {
    const log = readyLog();
    log.minute(1_000, 0);
    const before = log.fold.totals;
    const { end } = log.fold.moduleEnd(MODULE)!;
    log.now += 5_000;
    const wrapped = { in: mwh(0), out: mwh(end!.out + 700), boot: 1 };
    const times = { t0: millis(log.now - 5_000), t1: log.time };
    log.add("energy.reset", { module: MODULE, ...times, start: end!, end: wrapped });
    expect(log.fold.nextWindow(log.time)).toMatchObject({ first: undefined, count: 0, net: 0 });
    expect(log.fold.totals).toEqual(before);
    expect(log.fold.moduleEnd(MODULE)!.end).toEqual(wrapped);
  });

  it("counts in and out of consistent intervals, and only out of others", () => {
    const log = new TestLog();
    log.interval(100, 10);
    log.now += 10;
    log.interval(1_000, 20, { verdict: "suspect" });
    const first = log.fold.size - 2;
    const legacy = { start: undefined, end: undefined, digest: undefined } as const;
    log.interval(2_000, 30, { ...legacy, verdict: "unauthenticated" }, OTHER);
    log.gap(4_000, 40);
    log.now += 1;
    const window = log.fold.nextWindow(log.time);
    expect(window).toMatchObject({ first, count: 4, net: 100 - 10 - 20 - 30 - 40 });
    log.window();
    expect(log.fold.nextWindow(millis(log.now + 1))).toMatchObject({
      t0: log.now,
      first: undefined,
      count: 0,
      net: 0,
    });
  });

  it("that says anything else is refused", () => {
    const log = new TestLog();
    log.interval(100, 10);
    log.window();
    log.now += MINUTE;
    log.interval(100, 10);
    const due = log.fold.nextWindow(log.time);
    for (const wrong of [
      { net: due.net + 1 },
      { count: 2 },
      { first: 0 },
      { first: undefined },
      { t0: millis(due.t0 + 1) },
      { t1: due.t0 },
      { t1: millis(log.now + 1) },
    ]) {
      expect(() => log.add("energy.window", { ...due, ...wrong })).toThrow(refusal("window"));
    }
    log.add("energy.window", due);
    expect(log.summary.net).toBe(180);
  });

  it("carries a late interval, and the in of a suspect one once that is accepted", () => {
    const log = new TestLog();
    const suspect = log.interval(1_000, 20, { verdict: "suspect" });
    log.window();
    log.now += MINUTE;
    const settle = (decision: "accept" | "reject", at = suspect) =>
      log.add("energy.resolve", { interval: at, decision, evidence: "pack-shunt", reason: "" });
    const index = settle("accept");
    expect(log.fold.nextWindow(log.time)).toMatchObject({ first: index, count: 1, net: 1_000 });
    log.window();
    expect(log.summary.net).toBe(980);
    expect(() => settle("accept")).toThrow(refusal("resolve"));
    const rejected = log.interval(5, 0, { verdict: "suspect" });
    settle("reject", rejected);
    expect(() => settle("accept", rejected)).toThrow(refusal("resolve"));
    const old = log.interval(5, 0, { verdict: "suspect" });
    log.now += 7 * DAY + 1;
    expect(() => settle("accept", old)).toThrow(refusal("resolve"));
  });
});

it("names entry and reason, keeps the cause, and is as it was", () => {
  const log = new TestLog();
  log.interval(1, 1);
  const { size } = log.fold;
  expect(() => log.add("society.mint", { sign1: Uint8Array.of(0xff) })).toThrow(
    expect.objectContaining({
      name: "LedgerError",
      index: size,
      code: "authority",
      message: `entry ${size} (society.mint): nobody signed this`,
      cause: expect.any(Error),
    }),
  );
  expect(log.fold.size).toBe(size);
  expect(log.fold.time).toBe(START);
  expect(NOON).toBeLessThan(START);
});
