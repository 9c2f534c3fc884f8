import { mkdtemp, rm, stat, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Logger, micros, millis, moduleUid, silentLogger } from "@wattseal/base";
import type { Telemetry } from "@wattseal/can-protocol";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { HandClock, START } from "../clock.fixture.js";
import type { LinkMessage } from "../links/manager.js";
import { telemetryOf } from "../metering/recording.fixture.js";
import { type EvidenceFiles, nodeEvidenceFiles } from "./files.js";
import { MemoryFiles } from "./memory-files.fixture.js";
import { readEvidence } from "./read.js";
import type { EvidenceLimits } from "./ring.js";
import { EvidenceStore } from "./store.js";
import { type Unkept, UnkeptReadings, type Why } from "./unkept.js";

const MODULE = moduleUid("5701000000000001");
const SESSION = new Uint8Array(32).fill(7);
const KEY = new Uint8Array(32).fill(8);
const DAY = 86_400_000;
const ROOMY = { maxAgeMs: 7 * DAY, maxBytes: 2 ** 30 };
const message: Telemetry = telemetryOf(1, { in: 0, out: 0 });

async function keeping(limits: EvidenceLimits = ROOMY, files: EvidenceFiles = new MemoryFiles()) {
  const clock = new HandClock();
  const warnings: string[] = [];
  const warn: Logger["warn"] = (event) => {
    warnings.push(event);
  };
  const logger = { ...silentLogger, warn };
  const open = () => EvidenceStore.open({ files, limits, wallClock: clock, logger });
  let counter = 0;
  const tell = (to: EvidenceStore, count = 1) => {
    for (let i = 0; i < count; i += 1) {
      const time = micros(clock.now() * 1000);
      const told: LinkMessage = {
        time,
        class: "normal",
        counter,
        type: 1,
        body: new Uint8Array(42).fill(counter),
        length: 64,
        tag: new Uint8Array(16),
        message,
        handshakeHash: SESSION,
      };
      const begun = counter % 5 === 0;
      counter += 1;
      to.reading(MODULE, told, { time, begun, continued: false, carried: { in: 3, out: 4 } });
    }
  };
  const kept = () => readEvidence(files, { module: MODULE, from: 0, to: 2 * clock.now() });
  const counters = async () => (await kept()).readings.map(({ counter: said }) => said);
  return { files, clock, warnings, open, tell, kept, counters };
}

const upTo = (count: number, from = 0) => Array.from({ length: count }, (_, i) => from + i);

describe("keeping evidence", () => {
  it("writes many readings at once, and none later than two seconds", async () => {
    const files = new MemoryFiles();
    const { clock, open, tell, counters } = await keeping(ROOMY, files);
    const store = await open();
    tell(store, 7);
    clock.advance(1_900);
    expect(files.appends).toBe(0);
    clock.advance(100);
    await store.settled();
    expect(files.appends).toBe(2); // the file's head, and one block
    expect(await counters()).toEqual(upTo(7));
    tell(store, 500); // more than a block
    await store.settled();
    expect(files.appends).toBe(4);
    expect(await counters()).toEqual(upTo(507));
  });

  it("goes on in a new file after a start, whatever a power cut left of the last one", async () => {
    const files = new MemoryFiles();
    const { open, tell, counters, kept } = await keeping(ROOMY, files);
    const first = await open();
    tell(first, 3);
    await first.settled();
    tell(first, 3);
    await first.settled();
    for (const [name, bytes] of files.content) files.content.set(name, bytes.slice(0, -40));
    const second = await open();
    tell(second, 2);
    second.released(SESSION, KEY);
    await second.close();
    expect(await counters()).toEqual([0, 1, 2, 6, 7]);
    const { damage, keys, since } = await kept();
    expect([damage, since]).toEqual([[], START]);
    expect([...keys]).toEqual([[Buffer.from(SESSION).toString("hex"), KEY]]);
    tell(second);
    await second.settled();
    expect(await counters()).toHaveLength(5);
  });

  it("stays within its bytes, whole files going oldest first", async () => {
    const files = new MemoryFiles();
    const maxBytes = 2 ** 20;
    const { clock, open, tell, counters } = await keeping({ ...ROOMY, maxBytes }, files);
    const store = await open();
    for (let i = 0; i < 100; i += 1) {
      tell(store, 400);
      clock.advance(1);
      await store.settled();
      const sizes = [...files.content.values()].map(({ length }) => length);
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(maxBytes);
    }
    const left = await counters();
    expect(left.length).toBeGreaterThan(10_000);
    expect(left).toEqual(upTo(left.length, 40_000 - left.length));
  });

  it("stays within its days, also over a time in which nothing ran", async () => {
    const { clock, open, tell, counters } = await keeping({ ...ROOMY, maxAgeMs: DAY });
    const store = await open();
    for (let hour = 0; hour < 48; hour += 1) {
      tell(store);
      clock.advance(3_600_000);
      await store.settled();
    }
    const left = await counters();
    expect(left.length).toBeGreaterThanOrEqual(24);
    expect(left.length).toBeLessThanOrEqual(26);
    expect(left.at(-1)).toBe(47);
    clock.advance(2 * DAY);
    const next = await open();
    tell(next);
    await next.settled();
    expect(await counters()).toEqual([48]);
  });

  it("finds a session's key in whichever later file it is, and reads no further", async () => {
    const files = new MemoryFiles();
    const { clock, open, tell } = await keeping(ROOMY, files);
    const store = await open();
    const read: string[] = [];
    const spied: EvidenceFiles = {
      list: () => files.list(),
      create: (name) => files.create(name),
      remove: (name) => files.remove(name),
      read: (name) => {
        read.push(name);
        return files.read(name);
      },
    };
    for (let hour = 0; hour < 10; hour += 1) {
      tell(store);
      if (hour === 6) store.released(SESSION, KEY);
      await store.settled();
      clock.advance(3_600_000);
    }
    const [from, to] = [START + 3 * 3_600_000, START + 3 * 3_600_000 + 1];
    const { readings, keys } = await readEvidence(spied, { module: MODULE, from, to });
    expect(readings.map(({ counter }) => counter)).toEqual([3]);
    expect([...keys.values()]).toEqual([KEY]);
    expect(read).toHaveLength(5); // the third to the seventh
  });

  it("ends with one warning when the disk is full, and harms nobody", async () => {
    const files = new MemoryFiles();
    const { open, tell, warnings, counters } = await keeping(ROOMY, files);
    const store = await open();
    files.free = 40_000;
    for (let i = 0; i < 10; i += 1) {
      tell(store, 300);
      await store.settled();
    }
    store.released(SESSION, KEY);
    await store.close();
    expect(warnings).toEqual(["evidence.stopped"]);
    expect(store.stopped).toBe(true);
    expect(await counters()).toEqual(upTo(300));
    expect(store.unkept(true)).toEqual([{ why: "disk-failed", from: START, until: START }]);
    files.free = Number.POSITIVE_INFINITY;
    const next = await open();
    tell(next);
    await next.settled();
    expect(await counters()).toEqual([...upTo(300), 3_000]);
  });

  it("lets readings go rather than wait, or grow, while the disk hangs", async () => {
    const files = new MemoryFiles();
    const { open, tell, warnings, counters } = await keeping(ROOMY, files);
    let freed = () => {};
    files.busy = new Promise((resolve) => {
      freed = resolve;
    });
    const store = await open();
    tell(store, 40_000);
    expect(warnings.length).toBeGreaterThan(0);
    expect(new Set(warnings)).toEqual(new Set(["evidence.dropped"]));
    expect(store.unkept()).toEqual([]);
    freed();
    await store.settled();
    const left = await counters();
    expect(left.length).toBeGreaterThan(20_000);
    expect(left.length).toBeLessThan(40_000);
    tell(store);
    await store.settled();
    const then = { from: START, until: START };
    expect(store.unkept()).toEqual([{ why: "disk-slow", ...then }]);
  });

  it("tells of a folder that it cannot use, and keeps nothing", async () => {
    const broken = new MemoryFiles();
    broken.list = async () => Promise.reject(new Error("EACCES"));
    const { open, tell, warnings } = await keeping(ROOMY, broken);
    const store = await open();
    tell(store, 1_000);
    await store.close();
    expect(warnings).toEqual(["evidence.stopped"]);
    expect(broken.appends).toBe(0);
  });

  it("keeps files that only their owner reads", async () => {
    const folder = await mkdtemp(join(tmpdir(), "wattseal-evidence-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const path = join(folder, "evidence");
    const { open, tell, counters, kept } = await keeping(ROOMY, nodeEvidenceFiles(path));
    expect((await kept()).since).toBeUndefined();
    const store = await open();
    tell(store, 3);
    await store.close();
    expect(await counters()).toEqual(upTo(3));
    expect((await stat(path)).mode & 0o777).toBe(0o700);
    const [file] = await nodeEvidenceFiles(path).list();
    expect((await stat(join(path, file!.name))).mode & 0o777).toBe(0o600);
    // listed, and gone before its size was asked: as by a gateway that makes room
    await symlink(join(folder, "nowhere"), join(path, "gone"));
    expect(await nodeEvidenceFiles(path).list()).toEqual([file]);
    await nodeEvidenceFiles(path).remove(file!.name);
    expect(await nodeEvidenceFiles(path).read(file!.name)).toBeUndefined();
  });
});

describe("a disk that is short of room", () => {
  const bytesOf = (files: MemoryFiles) =>
    [...files.content.values()].reduce((sum, { length }) => sum + length, 0);

  /** Three files of an hour each, 10 readings in every one. */
  async function threeFiles() {
    const files = new MemoryFiles();
    const kept = await keeping(ROOMY, files);
    const store = await kept.open();
    const begun: number[] = [];
    for (let file = 0; file < 3; file += 1) {
      begun.push(kept.clock.now());
      kept.tell(store, 10);
      await store.settled();
      kept.clock.advance(3_600_000);
    }
    return { ...kept, files, store, begun };
  }

  it("gets back whole files, the oldest first, and is told of when they were", async () => {
    const { store, files, begun, counters, tell } = await threeFiles();
    const before = bytesOf(files);
    const shed = await store.shed(1);
    expect(shed).toMatchObject({ files: 1, from: begun[0], until: begun[1] });
    expect(before - bytesOf(files)).toBe(shed!.bytes);
    tell(store, 5);
    await store.settled();
    expect(await counters()).toEqual(upTo(25, 10));
  });

  it("gets back all of it where it needs more, and then nothing is kept until there is room", async () => {
    const { store, files, begun, counters, tell, clock } = await threeFiles();
    const shed = await store.shed(2 ** 30);
    expect(shed).toMatchObject({ files: 3, from: begun[0], until: begun[2] });
    expect(files.content.size).toBe(0);
    const from = clock.now();
    tell(store, 2);
    clock.advance(7_000);
    tell(store, 3);
    const until = clock.now();
    clock.advance(10_000);
    await store.settled();
    expect(files.content.size).toBe(0);
    expect(await store.shed(1)).toBeUndefined();
    expect(store.unkept()).toEqual([]);
    store.keep();
    expect(store.unkept()).toEqual([{ why: "disk-pressure", from, until }]);
    tell(store, 5);
    await store.settled();
    expect(await counters()).toEqual(upTo(5, 35));
    expect(store.unkept(true)).toEqual([]);
  });
});

describe("what was not kept", () => {
  const HOUR = 3_600_000;

  /** A store whose disk failed at the first block, and when its readings came. */
  async function failed() {
    const files = new MemoryFiles();
    const kept = await keeping(ROOMY, files);
    const store = await kept.open();
    files.free = 0;
    kept.clock.advance(1_000);
    const from = kept.clock.now();
    kept.tell(store);
    kept.clock.advance(500);
    kept.tell(store);
    return { ...kept, store, from, until: kept.clock.now() };
  }

  it("is told at once where the disk failed, of what was on its way and of what comes, hour by hour and at the end", async () => {
    const { store, clock, tell, from, until } = await failed();
    await store.settled();
    expect(store.unkept()).toEqual([{ why: "disk-failed", from, until }]);
    expect(store.unkept()).toEqual([]);
    clock.advance(1_000);
    const next = clock.now();
    for (let minute = 0; minute < 60; minute += 1) {
      tell(store);
      expect(store.unkept()).toEqual([]);
      clock.advance(60_000);
    }
    tell(store);
    const hour = { why: "disk-failed", from: next, until: next + HOUR };
    expect(store.unkept()).toEqual([hour]);
    clock.advance(1);
    tell(store);
    await store.close();
    const last = millis(next + HOUR + 1);
    expect(store.unkept(true)).toEqual([{ why: "disk-failed", from: last, until: last }]);
  });

  it("is no reading that came while nothing ran, or after the end", async () => {
    const { store, tell, clock } = await keeping().then(async (kept) => {
      return { ...kept, store: await kept.open() };
    });
    tell(store);
    await store.close();
    clock.advance(1_000);
    tell(store);
    expect(store.unkept(true)).toEqual([]);
  });

  it("counts from the first reading on where there never was a folder to use", async () => {
    const broken = new MemoryFiles();
    broken.list = async () => Promise.reject(new Error("EACCES"));
    const { open, tell, clock } = await keeping(ROOMY, broken);
    const store = await open();
    expect(store.unkept(true)).toEqual([]);
    clock.advance(70_000);
    tell(store);
    const then = { from: clock.now(), until: clock.now() };
    expect(store.unkept(true)).toEqual([{ why: "disk-failed", ...then }]);
  });

  it("tells each reading once, and leaves out none, however it is asked", () => {
    const step = fc.record({
      why: fc.constantFrom("disk-pressure" as const, "disk-slow" as const, "disk-failed" as const),
      after: fc.nat(HOUR),
      over: fc.boolean(),
      asked: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const unkept = new UnkeptReadings();
        const told: Unkept[] = [];
        const noted: { readonly why: Why; readonly at: number }[] = [];
        let now = 0;
        for (const { why, after, over, asked } of steps) {
          now += 1 + after;
          unkept.note(why, now, now);
          noted.push({ why, at: now });
          if (over) unkept.over(why);
          if (asked) told.push(...unkept.take(false));
        }
        told.push(...unkept.take(true));
        for (const { why, at } of noted) {
          const of = told.filter((one) => one.why === why && one.from <= at && at <= one.until);
          expect(of).toHaveLength(1);
        }
      }),
    );
  });
});
