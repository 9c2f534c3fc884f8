/** RFC 6962 §2.1 written as it stands there: slow, and independent of the code under test. */
import { createHash } from "node:crypto";

const hash = (...parts: Uint8Array[]) => {
  const digest = createHash("sha256");
  for (const part of parts) digest.update(part);
  return new Uint8Array(digest.digest());
};
const split = (n: number) => 2 ** Math.floor(Math.log2(n - 1));

export const naiveLeaf = (entry: Uint8Array) => hash(Uint8Array.of(0), entry);

export function naiveRoot(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return hash();
  if (leaves.length === 1) return leaves[0]!;
  const k = split(leaves.length);
  return hash(Uint8Array.of(1), naiveRoot(leaves.slice(0, k)), naiveRoot(leaves.slice(k)));
}

export function naivePath(m: number, leaves: readonly Uint8Array[]): Uint8Array[] {
  if (leaves.length <= 1) return [];
  const k = split(leaves.length);
  return m < k
    ? [...naivePath(m, leaves.slice(0, k)), naiveRoot(leaves.slice(k))]
    : [...naivePath(m - k, leaves.slice(k)), naiveRoot(leaves.slice(0, k))];
}

export function naiveSubproof(
  m: number,
  leaves: readonly Uint8Array[],
  whole = true,
): Uint8Array[] {
  if (m === leaves.length) return whole ? [] : [naiveRoot(leaves)];
  const k = split(leaves.length);
  return m <= k
    ? [...naiveSubproof(m, leaves.slice(0, k), whole), naiveRoot(leaves.slice(k))]
    : [...naiveSubproof(m - k, leaves.slice(k), false), naiveRoot(leaves.slice(0, k))];
}

/** Distinct leaf hashes 0 to n - 1. */
export const someLeaves = (n: number) =>
  Array.from({ length: n }, (_, i) => naiveLeaf(Uint8Array.of(i >> 8, i & 0xff)));

export const naiveReader = (leaves: readonly Uint8Array[]) => (level: number, index: number) => {
  const width = 2 ** level;
  if ((index + 1) * width > leaves.length)
    throw new Error(`read beyond the tree: ${level}/${index}`);
  return naiveRoot(leaves.slice(index * width, (index + 1) * width));
};
