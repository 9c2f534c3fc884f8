import { Frontier, leafHash, rootOf } from "@wattseal/tlog";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { completedSubtrees } from "../folds/subtrees.js";
import { A, leaf } from "../store/growth.fixture.js";
import { type StoredRoots, storedRoot } from "./stored-root.js";

const SIZE = 65_536 + 700;
const LEAVES = Array.from({ length: SIZE }, (_, i) => leaf(i));
const HASHES = LEAVES.map((it) => leafHash(it));
const SUBTREES = new Map<string, Uint8Array>();
const frontier = new Frontier();
for (const [i, hash] of HASHES.entries()) {
  if ((i + 1) % 256 === 0) {
    for (const { tile, index, root } of completedSubtrees(i, hash, frontier)) {
      SUBTREES.set(`${tile} ${index}`, root);
    }
  }
  frontier.append(hash);
}

/** A log whose folds reach over its first `folded` entries; counts the leaves that are read. */
function stored(folded: number, size = SIZE) {
  const read = { leaves: 0 };
  const store: StoredRoots = {
    head: async () => undefined,
    subtrees: async (_, tile, index, count) => {
      const roots: Uint8Array[] = [];
      for (let at = index; at < index + count; at += 1) {
        const root = SUBTREES.get(`${tile} ${at}`);
        if (root === undefined || (at + 1) * 256 ** tile > folded) break;
        roots.push(root);
      }
      return roots;
    },
    leaves: async (_, from, limit) => {
      const page = LEAVES.slice(from, Math.min(size, from + limit));
      read.leaves += page.length;
      return page;
    },
  };
  return { store, read };
}

describe("the root of a stored log at a size without a checkpoint", () => {
  it("is that of its leaves, whichever subtrees are stored", async () => {
    const sizes = fc.oneof(
      fc.integer({ min: 1, max: 1_500 }),
      fc.integer({ min: 65_000, max: SIZE }),
    );
    await fc.assert(
      fc.asyncProperty(sizes, fc.integer({ min: 0, max: SIZE }), async (size, folded) => {
        const { store } = stored(folded);
        expect(await storedRoot(store, A, size)).toEqual(rootOf(HASHES.slice(0, size)));
      }),
      {
        numRuns: 8,
        examples: [
          [256, SIZE],
          [65_536, SIZE],
          [65_535, 300],
          [SIZE, SIZE],
        ],
      },
    );
  });

  it.each([1, 255, 256, 65_535, 65_536, 65_791, SIZE])(
    "reads no more of %i leaves than the last block's",
    async (size) => {
      const { store, read } = stored(SIZE);
      await storedRoot(store, A, size);
      expect(read.leaves).toBe(size % 256);
    },
  );

  it("is refused beyond what is stored", async () => {
    const { store } = stored(512, 600);
    await expect(storedRoot(store, A, 601)).rejects.toMatchObject({ code: "size" });
  });
});
