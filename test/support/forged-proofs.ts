/** Proof files put together by docs/ledger-format.md, so that one rule of each can be broken. */
import { createHash } from "node:crypto";
import { type CborValue, encodeCbor } from "@wattseal/base";
import type { NoteSigner } from "@wattseal/tlog";
import { cosignedBy, KeyedLog, notesOf, typeOf } from "./keyed-log.js";

const sha = (...parts: readonly Uint8Array[]): Uint8Array => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
};
const leafHash = (entry: Uint8Array) => sha(Buffer.of(0), entry);

/** Where a tree of so many leaves parts: RFC 6962 §2.1. */
function middle(size: number): number {
  let k = 1;
  while (2 * k < size) k *= 2;
  return k;
}

function root(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 1) return leaves[0]!;
  const k = middle(leaves.length);
  return sha(Buffer.of(1), root(leaves.slice(0, k)), root(leaves.slice(k)));
}

/** RFC 6962 §2.1.1. */
function inclusion(index: number, leaves: readonly Uint8Array[]): Uint8Array[] {
  if (leaves.length === 1) return [];
  const k = middle(leaves.length);
  const [left, right] = [leaves.slice(0, k), leaves.slice(k)];
  if (index < k) return [...inclusion(index, left), root(right)];
  return [...inclusion(index - k, right), root(left)];
}

/** RFC 6962 §2.1.2; `whole`: the smaller tree's root is what the verifier has. */
function consistency(size: number, leaves: readonly Uint8Array[], whole = true): Uint8Array[] {
  if (size === leaves.length) return whole ? [] : [root(leaves)];
  const k = middle(leaves.length);
  const [left, right] = [leaves.slice(0, k), leaves.slice(k)];
  if (size <= k) return [...consistency(size, left, whole), root(right)];
  return [...consistency(size - k, right, false), root(left)];
}

/** What a proof says, each part a field that a test may exchange. */
export interface Proof {
  readonly leaf: CborValue;
  readonly note: string;
  readonly epochs: readonly CborValue[];
  readonly genesis: CborValue;
  /** Of the second form. */
  readonly heads?: readonly CborValue[] | undefined;
}

/** Of the first `size` entries, signed as the log's owner would. */
export function proofOf(
  entries: readonly Uint8Array[],
  index: number,
  size = entries.length,
): Proof {
  const covered = entries.slice(0, size);
  const leaves = covered.map(leafHash);
  const leaf = (i: number): CborValue => [covered[i]!, i, inclusion(i, leaves)];
  const begun = covered.flatMap((entry, i) => (typeOf(entry) === "epoch.begin" ? [i] : []));
  const own = begun.findLast((at) => at <= Math.max(index, 1))!;
  const next = begun.find((at) => at > Math.max(index, 1)) ?? own;
  const named = [...new Set([own, next, begun.at(-1)!])];
  return {
    leaf: leaf(index),
    note: notesOf(covered).receipt,
    epochs: named.map((at) => [leaf(at), consistency(at, leaves)]),
    genesis: leaf(0),
  };
}

export function sealed(content: Uint8Array): Uint8Array {
  return encodeCbor([content, sha(content)]);
}

export function contentOf({ leaf, note, epochs, genesis, heads }: Proof): Uint8Array {
  if (heads === undefined) return encodeCbor(["wattseal-proof-1", leaf, note, epochs, genesis]);
  return encodeCbor(["wattseal-proof-2", leaf, note, epochs, genesis, heads]);
}

/** A further head, of the first `size` entries, for a proof in the tree of the first `from`. */
export function headOf(
  entries: readonly Uint8Array[],
  from: number,
  size: number,
  ...witnesses: readonly NoteSigner[]
): CborValue {
  const covered = entries.slice(0, size);
  const note = cosignedBy(notesOf(covered).checkpoint, ...witnesses);
  return [note, consistency(from, covered.map(leafHash))];
}

export function fileOf(proof: Proof): Uint8Array {
  return sealed(contentOf(proof));
}

/** Four epochs of a few entries. */
export function fourEpochs(): KeyedLog {
  const log = new KeyedLog();
  for (let i = 0; i < 3; i += 1) {
    for (let k = 0; k < 5; k += 1) log.put("ops.config", [`${i}, ${k}`, new Uint8Array(32)]);
    log.end();
    log.begin();
  }
  log.put("ops.config", ["filler", new Uint8Array(32)]);
  return log;
}
