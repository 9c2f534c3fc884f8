import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toHex, utf8 } from "@wattseal/base";
import { describe, expect, it, onTestFinished } from "vitest";
import { backupLog } from "./backup.js";
import { type CrashKind, MemoryFiles } from "./memory-files.fixture.js";
import {
  entriesFrom,
  entryAt,
  filled,
  noteOf,
  open,
  readOnly,
  refusal,
  rootOfFirst,
} from "./store.fixture.js";
import { LogStore } from "./store.js";

const PATHS = { source: "memory", destination: "memory" };
const backup = (from: MemoryFiles, to: MemoryFiles, more = {}) =>
  backupLog({ ...PATHS, ...more }, from, to);
const contentOf = (files: MemoryFiles) =>
  new Map([...files.names].map(([name, { data }]) => [name, toHex(data)]));

/** 1,500 entries, 1,400 of them signed, two documents; optionally pruned. */
async function source(below = 0): Promise<MemoryFiles> {
  const files = await filled(1500, 1400);
  const log = await open(files);
  await log.writeDocument("receipt.00", "a receipt");
  await log.writeDocument("pending", "[]");
  await log.prune(below);
  await log.close();
  return files;
}

describe("a backup", { timeout: 120_000 }, () => {
  it.each([0, 1000])("of a log pruned below %i is that log, file by file", async (below) => {
    const from = await source(below);
    const to = new MemoryFiles();
    const seen: [number, number][] = [];
    const copied = await backup(from, to, {
      progress: (...entries: [number, number]) => seen.push(entries),
    });
    const floor = below - (below % 256);
    expect([copied.firstEntry, copied.durableSize, copied.head?.checkpoint.size]).toEqual([
      floor,
      1500,
      1400,
    ]);
    expect(contentOf(to)).toEqual(contentOf(from));
    expect(seen.at(-1)).toEqual([1280 - floor, 1280 - floor]);
    const survived = to.after("power");
    const log = await open(survived);
    expect(log.opened).toEqual({ created: false, cut: undefined });
    expect(log.readDocument("receipt.00")).toBe("a receipt");
    await log.append(entriesFrom(1500, 500));
    expect(toHex(log.root())).toBe(toHex(rootOfFirst(2000)));
    await log.close();
  });

  it("has every tile, above level 0 too", async () => {
    const from = await filled(66_000, 66_000);
    const to = new MemoryFiles();
    await backup(from, to);
    expect(contentOf(to)).toEqual(contentOf(from));
  });

  it("of a log without a bundle, or without a head, is one too", async () => {
    for (const size of [0, 3]) {
      const from = await filled(size);
      const to = new MemoryFiles();
      expect((await backup(from, to)).durableSize).toBe(size);
      expect(contentOf(to)).toEqual(contentOf(from));
    }
  });

  it("leaves out a record that was being written", async () => {
    const from = await source();
    const journal = from.names.get("journal")!;
    journal.data = journal.data.slice(0, -5);
    const to = new MemoryFiles();
    expect((await backup(from, to)).durableSize).toBe(1499);
    expect((await open(to)).opened.cut).toBeUndefined();
  });

  it("is of one moment, while the writer appends, signs and seals at every step", async () => {
    const from = await source();
    const log = await open(from);
    const to = new MemoryFiles();
    let size = 1500;
    let working = Promise.resolve();
    to.onStep = () => {
      const first = size;
      size += 130;
      working = working.then(async () => {
        await log.append(entriesFrom(first, 130));
        await log.writeHead(noteOf(first + 130, log.root(first + 130)));
        await log.writeDocument("receipt.00", String(first + 130));
      });
    };
    const copied = await backup(from, to);
    to.onStep = () => {};
    await working;
    await log.close();
    expect(size).toBeGreaterThan(4000);
    const copy = await open(to);
    const had = copy.durableSize;
    expect(copied.durableSize).toBe(had);
    expect(had).toBeGreaterThanOrEqual(1500);
    expect(copy.head?.checkpoint.size).toBeLessThanOrEqual(had);
    expect(toHex(copy.root())).toBe(toHex(rootOfFirst(had)));
    expect([...copy.entries()].at(-1)).toEqual(entryAt(had - 1));
    expect(Number(copy.readDocument("receipt.00")) || 0).toBeLessThanOrEqual(had);
  });

  it("goes on at the new floor where the writer prunes under it, wherever that falls", async () => {
    const floors = new Set<number>();
    const whole = await filled(13_000, 13_000);
    for (let at = 1; at < 40; at += 2) {
      const from = whole.after("kill");
      const log = await open(from);
      const to = new MemoryFiles();
      let pruning: Promise<unknown> = Promise.resolve();
      to.onStep = () => {
        if (to.steps === at) pruning = log.prune(12_000);
      };
      const copied = await backup(from, to);
      await pruning;
      await log.close();
      floors.add(copied.firstEntry);
      expect(toHex(copied.root())).toBe(toHex(rootOfFirst(13_000)));
      const left = [...to.names.keys()].filter((name) => name.startsWith("tile/entries")).length;
      expect(left).toBe(50 - copied.firstEntry / 256);
      await (await open(to)).close();
    }
    expect([...floors].sort()).toEqual([0, 11_776]);
  });

  it("goes into an empty directory only", async () => {
    const from = await source();
    const to = await source();
    await expect(backup(from, to)).rejects.toThrow(refusal("not-empty", /name a new directory/));
    const other = new MemoryFiles();
    other.names.set("notes", { data: utf8("mine"), durable: utf8("mine") });
    await expect(backup(from, other)).rejects.toThrow(refusal("not-empty"));
    expect(contentOf(other).size).toBe(1);
  });

  it("is not made of what is no log, or does not hold", async () => {
    const to = new MemoryFiles();
    await expect(backup(new MemoryFiles(), to)).rejects.toThrow(refusal("missing"));
    expect(to.names.size).toBe(0);
    const damaged = await source();
    damaged.names.get("tile/entries/002")!.data[9]! ^= 1;
    await expect(backup(damaged, to)).rejects.toThrow(
      refusal("corrupt", /tile\/entries\/002: entry 513/),
    );
    await expect(open(to)).rejects.toThrow(refusal("unfinished"));
    const unsigned = () => {
      throw new Error("not our key");
    };
    await expect(
      backup(await source(), new MemoryFiles(), { verifyHead: unsigned }),
    ).rejects.toThrow(refusal("corrupt", /not our key/));
  });

  it("says that the storage is full", async () => {
    const to = new MemoryFiles();
    to.failAt = 9;
    to.error = () => Object.assign(new Error("no space"), { code: "ENOSPC" });
    await expect(backup(await source(), to)).rejects.toThrow(
      refusal("full", /no space left on the storage while writing a backup/),
    );
  });
});

describe("a backup that was cut short", { timeout: 120_000 }, () => {
  it.each<CrashKind>(["kill", "power", "torn"])(
    "at any step (%s) is no log, says so, and is not written over",
    async (kind) => {
      const from = await source(600);
      const probe = new MemoryFiles();
      await backup(from, probe);
      expect(probe.steps).toBeGreaterThan(15);
      let state = 3;
      const coin = () => {
        state = (state * 48271) % 0x7fffffff;
        return state % 2 === 0;
      };
      const outcomes = new Set<string>();
      for (let at = 1; at <= probe.steps; at += 1) {
        const to = new MemoryFiles();
        to.failAt = at;
        await expect(backup(from, to)).rejects.toThrow();
        const left = to.after(kind, coin);
        const outcome = await readOnly(left).then(
          (log) => `log of ${log.durableSize}`,
          (error: unknown) => (error instanceof Error && "code" in error ? error.code : error),
        );
        outcomes.add(`${outcome}`);
        if (outcome === "unfinished") {
          await expect(open(left)).rejects.toThrow(refusal("unfinished", /make the backup again/));
          await expect(backup(from, left)).rejects.toThrow(
            refusal("not-empty", /cut short; remove the directory/),
          );
        } else if (outcome === "missing") {
          expect(left.names.size).toBe(0); // nothing was there yet
        } else {
          expect(outcome).toBe("log of 1500"); // all was there, the mark was off
          expect(at).toBe(probe.steps);
        }
      }
      expect(outcomes).toContain("unfinished");
    },
  );
});

it("copies between directories while the log is open for writing", async () => {
  const root = mkdtempSync(join(tmpdir(), "wattseal-backup-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const directory = join(root, "log");
  const first = await LogStore.open({ directory });
  await first.append(entriesFrom(0, 20_000));
  await first.close();
  const log = await LogStore.open({ directory }); // everything is sealed
  await log.writeHead(noteOf(20_000, log.root()));
  await log.writeDocument("receipt.01", "text");
  const appended = log.append(entriesFrom(20_000, 5_000));
  const destination = join(root, "deep", "copy");
  const copy = await backupLog({ source: directory, destination });
  await appended;
  expect(copy.durableSize).toBeGreaterThanOrEqual(20_000);
  await log.close();
  const left = readdirSync(destination).sort();
  expect(left).toEqual(["checkpoint", "journal", "receipt.01", "tile"]);
  for (const name of ["tile/entries/077", "tile/0/001"]) {
    expect(readFileSync(join(destination, name))).toEqual(readFileSync(join(directory, name)));
  }
  const restored = await LogStore.open({ directory: destination });
  expect(toHex(restored.root(20_000))).toBe(toHex(rootOfFirst(20_000)));
  await restored.close();
  mkdirSync(join(root, "taken"));
  writeFileSync(join(root, "taken", "x"), "");
  await expect(backupLog({ source: directory, destination: join(root, "taken") })).rejects.toThrow(
    refusal("not-empty"),
  );
});
