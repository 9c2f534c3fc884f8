/** Proof verification, RFC 9162 §2.1.3.2 and §2.1.4.2: exactly the hashes that are needed, no more. */
import { bytesEqual } from "@wattseal/base";
import { TlogError } from "../errors.js";
import { HASH_LENGTH, nodeHash } from "./hash.js";

export interface InclusionClaim {
  readonly index: number;
  readonly size: number;
  readonly leafHash: Uint8Array;
  readonly proof: readonly Uint8Array[];
  readonly root: Uint8Array;
}

export interface ConsistencyClaim {
  readonly size1: number;
  readonly size2: number;
  readonly root1: Uint8Array;
  readonly root2: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

function refuse(problem: string): never {
  throw new TlogError("proof", problem);
}

function requireCount(value: number, what: string): void {
  if (!Number.isSafeInteger(value) || value < 0) refuse(`${value} is not a ${what}`);
}

function requireHashes(proof: readonly Uint8Array[], wanted: number): void {
  if (proof.length !== wanted) refuse(`the proof has ${proof.length} hashes, not ${wanted}`);
  const bad = proof.findIndex((hash) => hash.length !== HASH_LENGTH);
  if (bad !== -1) refuse(`hash ${bad} of the proof has ${proof[bad]?.length} bytes, not 32`);
}

interface Shape {
  /** Steps from the leaf to where its path meets that of the last leaf: siblings on either side. */
  readonly inner: number;
  /** Steps from there to the root: siblings on the left only. */
  readonly border: number;
}

function shapeOf(index: number, size: number): Shape {
  let path = index;
  let edge = size - 1;
  let inner = 0;
  for (; path !== edge; inner += 1) {
    path = Math.floor(path / 2);
    edge = Math.floor(edge / 2);
  }
  let border = 0;
  for (; path > 0; path = Math.floor(path / 2)) border += path % 2;
  return { inner, border };
}

interface Chain {
  readonly seed: Uint8Array;
  readonly index: number;
  readonly inner: readonly Uint8Array[];
  readonly border: readonly Uint8Array[];
}

function chainBorder(seed: Uint8Array, border: readonly Uint8Array[]): Uint8Array {
  return border.reduce((hash, sibling) => nodeHash(sibling, hash), seed);
}

/** Root of the whole tree. */
function newerRoot({ seed, index, inner, border }: Chain): Uint8Array {
  let hash = seed;
  let path = index;
  for (const sibling of inner) {
    hash = path % 2 === 0 ? nodeHash(hash, sibling) : nodeHash(sibling, hash);
    path = Math.floor(path / 2);
  }
  return chainBorder(hash, border);
}

/** Root of the tree that ends at the seed: only what lies left of its path counts. */
function olderRoot({ seed, index, inner, border }: Chain): Uint8Array {
  let hash = seed;
  let path = index;
  for (const sibling of inner) {
    if (path % 2 === 1) hash = nodeHash(sibling, hash);
    path = Math.floor(path / 2);
  }
  return chainBorder(hash, border);
}

/** Returns when the leaf is at `index` in the tree of `size` with `root`; throws TlogError "proof" otherwise. */
export function verifyInclusion(claim: InclusionClaim): void {
  const { index, size, leafHash: leaf, proof, root } = claim;
  requireCount(size, "tree size");
  requireCount(index, "leaf index");
  if (index >= size) refuse(`no leaf ${index} in a tree of ${size}`);
  if (leaf.length !== HASH_LENGTH) refuse(`the leaf hash has ${leaf.length} bytes, not 32`);
  const { inner, border } = shapeOf(index, size);
  requireHashes(proof, inner + border);
  const computed = newerRoot({
    seed: leaf,
    index,
    inner: proof.slice(0, inner),
    border: proof.slice(inner),
  });
  if (!bytesEqual(computed, root)) {
    refuse(`leaf ${index} is not in the tree of ${size} with this root`);
  }
}

/**
 * Returns when the tree (size2, root2) extends (size1, root1); throws TlogError "proof" otherwise. From size
 * 0 nothing can be proven and it throws: whoever sees a log for the first time says so itself.
 */
export function verifyConsistency(claim: ConsistencyClaim): void {
  const { size1, size2, root1, root2, proof } = claim;
  requireCount(size1, "tree size");
  requireCount(size2, "tree size");
  if (size1 > size2) refuse(`a tree of ${size2} does not extend one of ${size1}`);
  if (size1 === size2) {
    requireHashes(proof, 0);
    if (!bytesEqual(root1, root2)) refuse(`two roots for one size ${size1}`);
    return;
  }
  if (size1 === 0) refuse("an empty tree is extended by any: nothing to prove");

  // RFC 9162 §2.1.4.2 steps 2 and 3: the chain starts at the last complete subtree of the older tree.
  let level = 0;
  let last = size1;
  for (; last % 2 === 0; level += 1) last /= 2;
  const path = last - 1;
  const { inner, border } = shapeOf(size1 - 1, size2);
  const steps = inner - level;
  const seedGiven = path !== 0;
  requireHashes(proof, steps + border + (seedGiven ? 1 : 0));
  const seed = seedGiven ? proof[0] : root1;
  if (seed?.length !== HASH_LENGTH) refuse("the older root has not 32 bytes");
  const siblings = seedGiven ? proof.slice(1) : proof;
  const chain = {
    seed,
    index: path,
    inner: siblings.slice(0, steps),
    border: siblings.slice(steps),
  };
  if (!bytesEqual(olderRoot(chain), root1)) refuse(`the proof does not lead to size ${size1}`);
  if (!bytesEqual(newerRoot(chain), root2)) refuse(`the proof does not lead to size ${size2}`);
}
