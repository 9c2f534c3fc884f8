import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { leafHash } from "../tree/hash.js";
import { verifyConsistency, verifyInclusion } from "../tree/verify.js";
import { Kept } from "./kept.js";
import type { StoredLog } from "./log.js";
import type { MemoryFiles } from "./memory-files.fixture.js";
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

/** What a proof of a later entry needs of an early one: itself, and that the tree extends what was before it. */
function expectProvable(log: StoredLog, index: number, size: number): void {
  const root = rootOfFirst(size);
  expect(log.entry(index)).toEqual(entryAt(index));
  expect(log.leafHash(index)).toEqual(leafHash(entryAt(index)));
  const proof = log.inclusionProof(index, size);
  verifyInclusion({ index, size, leafHash: log.leafHash(index), proof, root });
  if (index === 0) return;
  const consistency = log.consistencyProof(index, size);
  const root1 = rootOfFirst(index);
  verifyConsistency({ size1: index, root1, size2: size, root2: root, proof: consistency });
}

async function grow(files: MemoryFiles, from: number, to: number): Promise<void> {
  const log = await open(files);
  await log.append(entriesFrom(from, to - from));
  await log.writeHead(noteOf(to, log.root()));
  await log.close();
}

describe("entries kept below the floor", { timeout: 120_000 }, () => {
  it("are proven in every later tree, over openings, growth and further prunings", async () => {
    const files = await filled(3000, 3000);
    let log = await open(files);
    expect(await log.prune(1700, () => [0, 1, 777, 1500])).toBe(1536);
    for (const view of [log, await readOnly(files)]) {
      expect(view.keptEntries).toEqual([0, 1, 777, 1500]);
      for (const index of view.keptEntries) {
        for (const size of [1536, 1537, 2048, 2049, 2999, 3000]) expectProvable(view, index, size);
      }
    }
    await log.close();
    await grow(files, 3000, 5000);
    log = await open(files);
    expect(await log.prune(4000, (floor) => [0, floor - 1])).toBe(3840);
    expect(log.keptEntries).toEqual([0, 3839]);
    for (const size of [3840, 4096, 4999, 5000]) {
      expectProvable(log, 0, size);
      expectProvable(log, 3839, size);
    }
    expect(() => log.entry(777)).toThrow(refusal("pruned", /entries from 3840 on remain/));
    await log.close();
  });

  it("are proven wherever floor, entry and tree lie", async () => {
    const run = fc.asyncProperty(
      fc.integer({ min: 256, max: 2400 }),
      fc.array(fc.nat(2400), { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 0, max: 1600 }),
      async (below, places, more) => {
        const files = await filled(2400, 2400);
        const log = await open(files);
        const keep = (floor: number) => [...new Set(places.map((place) => place % floor))];
        const floor = await log.prune(below, keep);
        await log.close();
        if (more > 0) await grow(files, 2400, 2400 + more);
        const view = await readOnly(files);
        const sizes = [floor, floor + 1, 2400 + Math.floor(more / 2), 2400 + more];
        for (const index of view.keptEntries) {
          for (const size of sizes) expectProvable(view, index, size);
        }
      },
    );
    await fc.assert(run, { numRuns: 30 });
  });

  it("are refused where a bit of their file has changed, and no log needs the file", async () => {
    const files = await filled(1500, 1500);
    const log = await open(files);
    await log.prune(800, () => [0, 300]);
    await log.close();
    const { data } = files.names.get("kept")!;
    for (let bit = 0; bit < 8 * data.length; bit += 31) {
      data[bit >> 3]! ^= 1 << (bit & 7);
      await expect(readOnly(files)).rejects.toThrow(
        refusal("corrupt", /kept: is damaged.*move it away/),
      );
      data[bit >> 3]! ^= 1 << (bit & 7);
    }
    files.names.delete("kept");
    const without = await readOnly(files);
    expect([without.firstEntry, without.keptEntries]).toEqual([768, []]);
    const further = await open(files);
    expect(await further.prune(1300, () => [0, 1000])).toBe(1280);
    expect(further.keptEntries).toEqual([1000]);
  });

  it("say nothing of what the floor and the head hold, whoever wrote the file", async () => {
    const files = await filled(3000, 3000);
    const log = await open(files);
    await log.prune(1700, () => [0]);
    await log.close();
    const hash = new Uint8Array(32).fill(7);
    const nodes = [8, 9, 10].map((level) => ({ level, index: 0, hash }));
    const forged = Kept.from(new Map([[0, entryAt(9)]]), nodes).encode();
    files.names.get("kept")!.data = forged;
    const again = await open(files);
    expect(again.root(2000)).toEqual(rootOfFirst(2000));
    await again.prune(2600, () => []);
    await again.close();
    files.names.delete("kept");
    const floored = await readOnly(files);
    expect(floored.firstEntry).toBe(2560);
    for (const size of [2560, 2999, 3000]) expect(floored.root(size)).toEqual(rootOfFirst(size));
  });
});
