import { sha256 } from "@wattseal/base";
import { TlogError } from "../errors.js";

export const HASH_LENGTH = 32;

/** RFC 6962 §2.1: domain separation between leaves and inner nodes. */
const LEAF_PREFIX = 0x00;
const NODE_PREFIX = 0x01;

/** Root of the tree without leaves: SHA-256 of nothing (RFC 6962 §2.1). */
export const EMPTY_ROOT: Uint8Array = sha256(new Uint8Array(0));

const SHORT_ENTRY = 1024;
const shortLeaf = new Uint8Array(1 + SHORT_ENTRY);
const node = new Uint8Array(1 + 2 * HASH_LENGTH);
node[0] = NODE_PREFIX;

/** SHA-256(0x00 ‖ entry), 32 bytes. */
export function leafHash(entry: Uint8Array): Uint8Array {
  const end = 1 + entry.length;
  const preimage = entry.length <= SHORT_ENTRY ? shortLeaf.subarray(0, end) : new Uint8Array(end);
  preimage[0] = LEAF_PREFIX;
  preimage.set(entry, 1);
  return sha256(preimage);
}

/** SHA-256(0x01 ‖ left ‖ right), 32 bytes. Both children have 32 bytes. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  if (left.length !== HASH_LENGTH || right.length !== HASH_LENGTH) {
    throw new TlogError("range", `a tree node joins two hashes of ${HASH_LENGTH} bytes`);
  }
  node.set(left, 1);
  node.set(right, 1 + HASH_LENGTH);
  return sha256(node);
}
