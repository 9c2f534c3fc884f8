/**
 * The root that a stored log has at any of its sizes. As much believed as a stored head: whoever can write the store can make
 * a head look like a fork, and nothing is slashed for it but what ./kept-fork.ts finds in the leaves.
 */
import { Frontier, leafHash, TILE_HEIGHT, TILE_WIDTH } from "@wattseal/tlog";
import type { PackName } from "@wattseal/uplink";
import type { FederationStore } from "../store/port.js";
import { Refused } from "./refused.js";

export type StoredRoots = Pick<FederationStore, "head" | "subtrees" | "leaves">;

/** Entries of a page, and subtrees. */
const PAGE = 1024;

/**
 * Of a checkpoint where there was one, else made of the largest stored subtrees (folds/port.ts) and the leaves after them: 255
 * of them, and all of those that the folds do not reach yet. Throws Refused `size`.
 */
export async function storedRoot(
  store: StoredRoots,
  pack: PackName,
  size: number,
): Promise<Uint8Array> {
  const known = await store.head(pack, size);
  if (known !== undefined) return known;
  const frontier = new Frontier();
  for (let tile = Math.floor(Math.log2(size + 1) / TILE_HEIGHT); tile > 0; tile -= 1) {
    await appendSubtrees(frontier, size, tile, (index, count) =>
      store.subtrees(pack, tile, index, count),
    );
  }
  while (frontier.size < size) {
    const page = await store.leaves(pack, frontier.size, Math.min(PAGE, size - frontier.size));
    if (page.length === 0) {
      throw new Refused("size", `only ${frontier.size} of ${size} leaves are stored`);
    }
    for (const leaf of page) frontier.append(leafHash(leaf));
  }
  return frontier.root();
}

/** Those of 256^tile leaves that are stored, as far as they are within `size`. */
async function appendSubtrees(
  frontier: Frontier,
  size: number,
  tile: number,
  read: (index: number, count: number) => Promise<readonly Uint8Array[]>,
): Promise<void> {
  const width = TILE_WIDTH ** tile;
  for (;;) {
    const count = Math.min(PAGE, Math.floor((size - frontier.size) / width));
    if (count === 0) return;
    const roots = await read(frontier.size / width, count);
    for (const root of roots) frontier.appendSubtree(tile * TILE_HEIGHT, root);
    if (roots.length < count) return;
  }
}
