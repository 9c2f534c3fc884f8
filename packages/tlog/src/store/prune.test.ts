import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { toHex } from "@wattseal/base";
import fc from "fast-check";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { entriesPath, tilePath } from "../tiles.js";
import { leafHash } from "../tree/hash.js";
import { verifyConsistency, verifyInclusion } from "../tree/verify.js";
import { nodeFiles } from "./files.js";
import type { StoredLog } from "./log.js";
import { Crash, type CrashKind, MemoryFiles } from "./memory-files.fixture.js";
import { removeBelow } from "./prune.js";
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

async function pruned(size: number, below: number, headAt = size): Promise<MemoryFiles> {
  const files = await filled(size, headAt);
  const log = await open(files);
  await log.prune(below);
  await log.close();
  return files;
}

/** Every promise of C2SP tlog-tiles for a minimum index, at the sizes and entries given. */
function expectServed(log: StoredLog, sizes: readonly number[], entries: readonly number[]) {
  for (const size of sizes) {
    const root = log.root(size);
    expect(toHex(root)).toBe(toHex(rootOfFirst(size)));
    for (const index of entries.filter((i) => i < size)) {
      expect(log.entry(index)).toEqual(entryAt(index));
      expect(log.leafHash(index)).toEqual(leafHash(entryAt(index)));
      const proof = log.inclusionProof(index, size);
      verifyInclusion({ index, size, leafHash: log.leafHash(index), proof, root });
    }
    for (const size1 of sizes.filter((s) => s > 0 && s <= size)) {
      const proof = log.consistencyProof(size1, size);
      verifyConsistency({ size1, size2: size, root1: rootOfFirst(size1), root2: root, proof });
    }
  }
}

const sealedFiles = (files: MemoryFiles) =>
  [...files.names.keys()].filter((name) => name.startsWith("tile/")).sort();

describe("a pruned log", { timeout: 120_000 }, () => {
  it("serves entries, roots and proofs from its floor on, before and after opening again", async () => {
    const files = await filled(1500, 1400);
    const log = await open(files);
    expect(log.firstEntry).toBe(0);
    expect(await log.prune(800)).toBe(768);
    const sizes = [768, 769, 800, 1023, 1024, 1025, 1279, 1400, 1500];
    const entries = [768, 769, 1023, 1024, 1279, 1280, 1499];
    for (const view of [log, await readOnly(files)]) {
      expect(view.firstEntry).toBe(768);
      expect(view.durableSize).toBe(1500);
      expectServed(view, sizes, entries);
      expect([...view.entries(768)]).toHaveLength(732);
    }
    expect(sealedFiles(files)).toEqual(
      ["tile/0/003", "tile/0/004", "tile/entries/003", "tile/entries/004"].sort(),
    );
    await log.append(entriesFrom(1500, 600));
    await log.writeHead(noteOf(2100, log.root()));
    await log.close();
    expectServed(await readOnly(files), [...sizes, 2100], [...entries, 2099]);
  });

  it("says of what is gone what remains and where the rest is", async () => {
    const log = await readOnly(await pruned(1500, 800));
    const gone = refusal(
      "pruned",
      /entries from 768 on remain, the federation's copy has the rest/,
    );
    expect(() => log.entry(767)).toThrow(gone);
    expect(() => log.leafHash(0)).toThrow(gone);
    expect(() => [...log.entries()]).toThrow(gone);
    expect(() => log.root(767)).toThrow(gone);
    expect(() => log.inclusionProof(767, 1500)).toThrow(gone);
    expect(() => log.consistencyProof(300, 1500)).toThrow(gone);
  });

  it("goes on over the end of a tile of hashes that were pruned in part", async () => {
    const files = await pruned(60_000, 50_000);
    let log = await open(files);
    for (let at = 60_000; at < 66_000; at += 3000) await log.append(entriesFrom(at, 3000));
    await log.writeHead(noteOf(66_000, log.root()));
    const sizes = [49_920, 50_001, 65_535, 65_536, 65_537, 66_000];
    expectServed(log, sizes, [49_920, 65_535, 65_536, 65_999]);
    await log.close();
    log = await open(files); // everything is sealed
    expect(await log.prune(65_900)).toBe(65_792);
    await log.close();
    const again = await readOnly(files);
    expectServed(again, [65_792, 65_800, 66_000], [65_792, 65_999]);
    expect(sealedFiles(files)).toEqual([]);
    files.names.get("floor")!.data[20]! ^= 1;
    await expect(readOnly(files)).rejects.toThrow(refusal("corrupt", /floor: is damaged/));
  });

  it("keeps the tiles that reach above its floor", async () => {
    const files = await pruned(66_000, 65_000);
    expect(sealedFiles(files).filter((name) => !/entries|tile\/0/.test(name))).toEqual([
      "tile/1/000",
    ]);
    expectServed(await readOnly(files), [64_768, 65_536, 66_000], [64_768, 65_999]);
    files.names.delete("tile/1/000");
    await expect(readOnly(files)).rejects.toThrow(refusal("corrupt", /tile\/1\/000: is missing/));
  });

  it("serves what any floor leaves, whatever was pruned and appended before", async () => {
    const step = fc.record({
      count: fc.integer({ min: 1, max: 700 }),
      below: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    const history = fc.array(step, { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(history, fc.double({ min: 0, max: 1, noNaN: true }), async (steps, pick) => {
        const files = new MemoryFiles();
        let size = 0;
        let floor = 0;
        for (const { count, below } of steps) {
          const writer = await open(files);
          await writer.append(entriesFrom(size, count));
          size += count;
          await writer.writeHead(noteOf(size, writer.root()));
          await writer.close();
          const log = await open(files); // everything is sealed
          const asked = Math.floor(below * size);
          const next = await log.prune(asked);
          expect(next).toBe(Math.max(floor, asked - (asked % 256)));
          floor = next;
          await log.close();
        }
        const view = await readOnly(files);
        expect(view.firstEntry).toBe(floor);
        const middle = floor + Math.floor(pick * (size - floor));
        expectServed(view, [floor, middle, size], [floor, Math.min(middle, size - 1), size - 1]);
        if (floor > 0) expect(() => view.entry(floor - 1)).toThrow(refusal("pruned"));
      }),
      { numRuns: 60 },
    );
  });
});

describe("pruning", { timeout: 120_000 }, () => {
  it("goes no further than the last head, and never into the bundle in progress", async () => {
    const files = await filled(600, 520);
    const log = await open(files);
    for (const bad of [521, -1, 0.5, Number.NaN]) {
      await expect(log.prune(bad)).rejects.toThrow(refusal("range", /last head is of 520 entries/));
    }
    expect(await log.prune(255)).toBe(0);
    expect(files.names.has("floor")).toBe(false);
    await log.writeHead(noteOf(600, log.root()));
    expect(await log.prune(600)).toBe(512);
    expect(await log.prune(300)).toBe(512);
    expect(sealedFiles(files)).toEqual([]);
    expectServed(log, [512, 600], [512, 599]);
    await expect((await open(await filled(300))).prune(1)).rejects.toThrow(refusal("range"));
  });

  it("leaves alone what is complete but not sealed yet", async () => {
    const files = new MemoryFiles();
    const log = await open(files);
    await log.append(entriesFrom(0, 100));
    const busy = log.append(entriesFrom(100, 500));
    files.onStep = (what) => {
      if (what.startsWith("write tmp/tile")) expect(log.firstEntry).toBe(0);
    };
    await busy;
    await log.writeHead(noteOf(600, log.root()));
    const floor = await log.prune(600);
    expect([0, 512]).toContain(floor);
    await log.close();
    expectServed(await readOnly(files), [floor, 600], [floor, 599]);
  });

  it("runs beside appends, and beside readers that open meanwhile", async () => {
    const files = await filled(2000, 2000);
    const log = await open(files);
    const views: Promise<StoredLog>[] = [];
    const before = await readOnly(files);
    files.onStep = () => {
      views.push(readOnly(files));
    };
    const work = Promise.all([log.prune(600), log.append(entriesFrom(2000, 300)), log.prune(1900)]);
    await work;
    files.onStep = () => {};
    for (const view of await Promise.all(views)) {
      expect([0, 512, 1792]).toContain(view.firstEntry);
      expect(toHex(view.root(2000))).toBe(toHex(rootOfFirst(2000)));
    }
    expect(views.length).toBeGreaterThan(20);
    expect(() => before.entry(3)).toThrow(refusal("pruned", /from 1792 on remain/));
    expect(() => before.inclusionProof(3)).toThrow(refusal("pruned", /from 1792 on remain/));
    expect(before.entry(1800)).toEqual(entryAt(1800));
    await log.close();
  });

  it("removes directories that it emptied, but for those that the next files go in", async () => {
    const directory = mkdtempSync(join(tmpdir(), "wattseal-prune-"));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const names = [0, 999, 1000, 1001, 1999, 2000].flatMap((i) => [entriesPath(i), tilePath(0, i)]);
    for (const name of [...names, tilePath(1, 0), tilePath(1, 6), tilePath(1, 7)]) {
      mkdirSync(dirname(join(directory, name)), { recursive: true });
      writeFileSync(join(directory, name), "");
    }
    const left = (path: string) => readdirSync(join(directory, path)).sort();
    const files = nodeFiles(directory);
    await removeBelow(files, 1001 * 256);
    expect(left("tile/entries")).toEqual(["x001", "x002"]);
    expect(left("tile/entries/x001")).toEqual(["001", "999"]);
    expect(left("tile/1")).toEqual(["006", "007"]);
    await removeBelow(files, 2000 * 256);
    expect(left("tile/0")).toEqual(["x002"]);
    await removeBelow(files, 2001 * 256);
    expect(left("tile/entries")).toEqual(["x002"]);
    expect(left("tile/entries/x002")).toEqual([]);
    expect(left("tile/1")).toEqual(["007"]);
  });

  it("stops at a failing storage, says so, and is finished by the next call", async () => {
    const files = await filled(1500, 1500);
    const log = await open(files);
    files.failAt = files.steps + 6;
    files.error = () => Object.assign(new Error("bad sector"), { code: "EIO" });
    await expect(log.prune(1500)).rejects.toThrow(refusal("io", /bad sector while pruning/));
    files.failAt = Number.POSITIVE_INFINITY;
    expect(await log.prune(1500)).toBe(1280);
    await log.close();
    expect(sealedFiles(files)).toEqual([]);
  });
});

describe("a crash while pruning", { timeout: 120_000 }, () => {
  /** Prunes twice with an append between; returns what the log had when it stopped. */
  async function work(files: MemoryFiles) {
    const done = { size: 1100, floor: 0 };
    try {
      const log = await open(files);
      done.floor = await log.prune(600, () => [0, 400]);
      await log.append(entriesFrom(1100, 400));
      done.size = 1500;
      await log.writeHead(noteOf(1500, log.root()));
      await log.close();
      const again = await open(files);
      done.floor = await again.prune(1300, () => [0, 1000]);
      await again.close();
    } catch (error) {
      if (!(error instanceof Error && error.cause instanceof Crash)) throw error;
    }
    return done;
  }
  /** Whatever floor is in force, what its proofs begin with is there. */
  function expectKept(log: StoredLog) {
    const kept = log.firstEntry === 0 ? [] : [0, log.firstEntry === 512 ? 400 : 1000];
    for (const index of kept) {
      const size = log.durableSize;
      const leaf = leafHash(entryAt(index));
      const proof = log.inclusionProof(index, size);
      verifyInclusion({ index, size, leafHash: leaf, proof, root: log.root() });
      expect(log.entry(index)).toEqual(entryAt(index));
    }
  }
  let good: MemoryFiles;
  let steps = 0;
  beforeAll(async () => {
    good = (await filled(1100, 1100)).after("kill");
    const files = good.after("kill");
    await work(files);
    steps = files.steps;
  });

  it.each<CrashKind>(["kill", "power", "torn"])(
    "at any step (%s) leaves a log that opens, and finishes what is on record",
    async (kind) => {
      expect(steps).toBeGreaterThan(25);
      let state = 7;
      const coin = () => {
        state = (state * 48271) % 0x7fffffff;
        return state % 2 === 0;
      };
      for (let at = 1; at <= steps; at += 1) {
        const files = good.after("kill");
        files.failAt = at;
        const done = await work(files);
        const left = files.after(kind, coin);
        const view = await readOnly(left);
        expect([0, 512, 1280]).toContain(view.firstEntry);
        expect(view.firstEntry).toBeGreaterThanOrEqual(done.floor);
        expectKept(view);
        const log = await open(left);
        expect(log.firstEntry).toBe(view.firstEntry);
        expectKept(log);
        const first = sealedFiles(left)[0] ?? "tile/0/005";
        expect(first).toBe(`tile/0/00${log.firstEntry / 256}`);
        expect(log.durableSize).toBeGreaterThanOrEqual(done.size);
        const size = log.durableSize;
        await log.append(entriesFrom(size, 1600 - size));
        await log.writeHead(noteOf(1600, log.root()));
        await log.close();
        const again = await open(left);
        expect(await again.prune(1300)).toBe(1280);
        await again.close();
        expect(sealedFiles(left)).toEqual(["tile/0/005", "tile/entries/005"]);
        expectServed(await readOnly(left), [1280, 1600], [1280, 1599]);
      }
    },
  );
});

describe("what is missing without its pruning on record", { timeout: 120_000 }, () => {
  it("is refused as lost, with the way out", async () => {
    const damage: [(files: MemoryFiles) => unknown, RegExp][] = [
      [(f) => f.names.delete("floor"), /tile\/entries\/000: is missing \(entries from 0\)/],
      [(f) => f.names.delete("tile/entries/004"), /tile\/entries\/004: is missing/],
      [(f) => f.names.delete("tile/0/003"), /tile\/0\/003: is missing/],
      [(f) => f.names.delete("checkpoint"), /checkpoint: is missing although the log was pruned/],
      [(f) => f.names.delete("journal"), /journal: is missing/],
    ];
    for (const [spoil, message] of damage) {
      const files = await pruned(1500, 800);
      spoil(files);
      for (const opening of [open, readOnly]) {
        await expect(opening(files)).rejects.toThrow(refusal("corrupt", message));
        await expect(opening(files)).rejects.toThrow(/restore this log from the federation's copy/);
      }
    }
  });

  it("stays refused where floor, head or journal are of another time", async () => {
    const files = await filled(1500, 600);
    const young = files.after("kill");
    const log = await open(files);
    await log.prune(300);
    const first = files.after("kill");
    await log.writeHead(noteOf(1500, log.root()));
    await log.prune(1300);
    await log.close();
    const exchange = async (name: string, from: MemoryFiles) => {
      const mixed = files.after("kill");
      mixed.names.set(name, from.names.get(name)!);
      return open(mixed);
    };
    await expect(exchange("floor", first)).rejects.toThrow(
      refusal("corrupt", /tile\/entries\/001: is missing/),
    );
    await expect(exchange("checkpoint", young)).rejects.toThrow(
      refusal("corrupt", /checkpoint: is over 600 entries, pruned below 1280/),
    );
    await expect(exchange("journal", await filled(900))).rejects.toThrow(
      refusal("corrupt", /journal: begins at entry 768 .* pruned below 1280/),
    );
    const other = await pruned(1500, 800);
    await expect(exchange("floor", other)).rejects.toThrow(refusal("corrupt", /003: is missing/));
  });

  it("is told from a flipped bit of the floor, wherever it is", async () => {
    const good = await pruned(1500, 800);
    const bits = good.read("floor")!.length * 8;
    expect(bits).toBe((16 + 3 * 32 + 32) * 8);
    for (let bit = 0; bit < bits; bit += 1) {
      const files = good.after("kill");
      files.names.get("floor")!.data[bit >> 3]! ^= 1 << (bit & 7);
      await expect(open(files)).rejects.toThrow(
        refusal("corrupt", /floor: is damaged.*; mend it from a copy/),
      );
    }
  });

  it("cannot be covered up with hashes of other entries: the head does not hold them", async () => {
    const files = await pruned(1500, 800);
    const other = new MemoryFiles();
    let log = await open(other);
    await log.append([entryAt(7), ...entriesFrom(1, 1499)]);
    await log.writeHead(noteOf(1500, log.root()));
    await log.close();
    log = await open(other);
    expect(await log.prune(800)).toBe(768);
    await log.close();
    files.names.set("floor", other.names.get("floor")!);
    await expect(open(files)).rejects.toThrow(
      refusal("head-mismatch", /checkpoint: its root of 1500/),
    );
  });
});
