/** Proof generation, RFC 9162 §2.1.3 and §2.1.4, over whatever holds the hashes of complete subtrees. */
import { TlogError } from "../errors.js";
import { EMPTY_ROOT, nodeHash } from "./hash.js";

/** Root of the complete subtree of 2^level leaves that starts at leaf index · 2^level. 32 bytes. */
export type HashReader = (level: number, index: number) => Uint8Array;

function requireSize(size: number, what: string): void {
  if (!Number.isSafeInteger(size) || size < 0) {
    throw new TlogError("range", `${size} is not a ${what}`);
  }
}

/** Level of the largest power of two that is smaller than `width` (2 or more). */
function splitLevel(width: number): number {
  let level = 0;
  while (2 ** (level + 1) < width) level += 1;
  return level;
}

/** MTH(D[begin:end]) where `begin` is aligned as every right side of an RFC 6962 split is. */
function rangeHash(begin: number, end: number, read: HashReader): Uint8Array {
  const width = end - begin;
  if (width === 1) return read(0, begin);
  const level = splitLevel(width);
  const half = 2 ** level;
  if (width === 2 * half) return read(level + 1, begin / width);
  return nodeHash(read(level, begin / half), rangeHash(begin + half, end, read));
}

/** Root of the tree of the first `size` leaves. */
export function rootAt(size: number, read: HashReader): Uint8Array {
  requireSize(size, "tree size");
  return size === 0 ? EMPTY_ROOT : rangeHash(0, size, read);
}

/** PATH(index, D[0:size]), RFC 9162 §2.1.3.1: siblings from the leaf upwards. Requires index < size. */
export function inclusionProof(index: number, size: number, read: HashReader): Uint8Array[] {
  requireSize(size, "tree size");
  requireSize(index, "leaf index");
  if (index >= size) throw new TlogError("range", `no leaf ${index} in a tree of ${size}`);
  const fromTop: Uint8Array[] = [];
  let begin = 0;
  let end = size;
  while (end - begin > 1) {
    const split = begin + 2 ** splitLevel(end - begin);
    if (index < split) {
      fromTop.push(rangeHash(split, end, read));
      end = split;
    } else {
      fromTop.push(rangeHash(begin, split, read));
      begin = split;
    }
  }
  return fromTop.reverse();
}

/**
 * PROOF(size1, D[0:size2]), RFC 9162 §2.1.4.1. Empty where the sizes are equal, and from size 0 (C2SP
 * tlog-witness: a first sight has no proof). Requires size1 <= size2.
 */
export function consistencyProof(size1: number, size2: number, read: HashReader): Uint8Array[] {
  requireSize(size1, "tree size");
  requireSize(size2, "tree size");
  if (size1 > size2) throw new TlogError("range", `a tree of ${size2} does not extend ${size1}`);
  if (size1 === 0 || size1 === size2) return [];
  const fromTop: Uint8Array[] = [];
  let begin = 0;
  let end = size2;
  while (end !== size1) {
    const split = begin + 2 ** splitLevel(end - begin);
    if (size1 <= split) {
      fromTop.push(rangeHash(split, end, read));
      end = split;
    } else {
      fromTop.push(rangeHash(begin, split, read));
      begin = split;
    }
  }
  if (begin > 0) fromTop.push(rangeHash(begin, end, read)); // else it is the old root, which the verifier has
  return fromTop.reverse();
}
