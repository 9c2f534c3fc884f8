import { BLOCK } from "../folds/growth.js";
import type { MarkedBlock } from "../folds/port.js";

/** Indices of the entries that are marked, ascending. */
export function indicesIn({ block, bits }: Pick<MarkedBlock, "block" | "bits">): number[] {
  const indices: number[] = [];
  for (let i = 0; i < BLOCK; i += 1) {
    if (((bits[i >> 3] ?? 0) & (1 << (i & 7))) !== 0) indices.push(block * BLOCK + i);
  }
  return indices;
}
