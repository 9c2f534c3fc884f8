import { LEAF_HEAD_BYTES, TARGET_BATCH_BYTES, TARGET_BATCH_LEAVES } from "./limits.js";
import type { LeafResponse } from "./request.js";
import type { SenderEffect } from "./sender.js";

/** What answering a request takes from the log. */
export interface ResponseSource {
  entry(index: number): Uint8Array;
  /** RFC 9162 §2.1.4 proof that the tree of `from` leaves is a prefix of the tree of `to`; empty when equal. */
  consistencyProof(from: number, to: number): readonly Uint8Array[];
}

/** The leaves from `effect.from` on, at most 256 or about 48 KiB, never beyond the effect's checkpoint. */
export function takeResponse(
  log: ResponseSource,
  effect: Extract<SenderEffect, { kind: "response" }>,
): LeafResponse {
  const { id, from, checkpoint } = effect;
  const end = Math.min(checkpoint.size, from + TARGET_BATCH_LEAVES);
  const leaves: Uint8Array[] = [];
  let bytes = 0;
  for (let i = from; i < end && bytes < TARGET_BATCH_BYTES; i += 1) {
    const leaf = log.entry(i);
    bytes += leaf.length + LEAF_HEAD_BYTES;
    leaves.push(leaf);
  }
  return {
    id,
    prevSize: from,
    leaves,
    proof: log.consistencyProof(from + leaves.length, checkpoint.size),
    checkpoint: checkpoint.note,
  };
}
