import { type Frontier, nodeHash, TILE_HEIGHT } from "@wattseal/tlog";
import type { Subtree } from "./growth.js";

/**
 * The subtrees of 256^k leaves that the leaf at `index`, the last one of a block, completes. `before`: the tree's edge
 * without it, whose lowest nodes are their left halves (RFC 6962 §2.1).
 */
export function completedSubtrees(
  index: number,
  leafHash: Uint8Array,
  before: Frontier,
): readonly Subtree[] {
  const subtrees: Subtree[] = [];
  const lefts = before.nodes().toReversed();
  let root = leafHash;
  let rest = index;
  for (let level = 1; rest % 2 === 1; level += 1) {
    const left = lefts[level - 1];
    if (left === undefined) break;
    root = nodeHash(left, root);
    rest = (rest - 1) / 2;
    if (level % TILE_HEIGHT === 0) subtrees.push({ tile: level / TILE_HEIGHT, index: rest, root });
  }
  return subtrees;
}
