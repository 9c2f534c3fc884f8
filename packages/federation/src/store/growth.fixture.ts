/** Growth of logs whose leaves are told apart by index and mark. */
import { millis, moduleUid, utf8 } from "@wattseal/base";
import type { Stay } from "@wattseal/energy-ledger";
import { Frontier, leafHash } from "@wattseal/tlog";
import { type PackName, packName } from "@wattseal/uplink";
import type { PackCommit, StoredPosition } from "./port.js";

export const A = packName("a".repeat(32));
export const B = packName("b".repeat(32));

export function leaf(i: number, mark = ""): Uint8Array {
  return utf8(`leaf ${i}${mark}`);
}

export function positionOf(leaves: readonly Uint8Array[]): StoredPosition {
  const frontier = new Frontier();
  for (const one of leaves) frontier.append(leafHash(one));
  return { size: frontier.size, nodes: frontier.nodes() };
}

export function position(size: number): StoredPosition {
  return positionOf(Array.from({ length: size }, (_, i) => leaf(i)));
}

/** A's, unless `change` says otherwise. */
export function growth(from: number, to: number, change: Partial<PackCommit> = {}): PackCommit {
  const before = Array.from({ length: from }, (_, i) => leaf(i));
  const leaves = Array.from({ length: to - from }, (_, i) => leaf(from + i));
  return { ...growthOf(A, before, leaves), ...change };
}

/** Of a log that has `before`, by `leaves`. */
export function growthOf(
  pack: PackName,
  before: readonly Uint8Array[],
  leaves: readonly Uint8Array[],
): PackCommit {
  const first = before.length;
  const size = first + leaves.length;
  return {
    pack,
    previous: positionOf(before),
    next: positionOf([...before, ...leaves]),
    leaves: [{ first, leaves }],
    heads: [{ size, root: leafHash(leaves.at(-1) ?? new Uint8Array(0)) }],
    receipt: { size, text: `receipt ${size}` },
    stays: [],
  };
}

/** A stay of one module from entry `first` on, in which it counted energy in from `from` to `to`, mWh. */
export function stay(first: number, from: number, to: number, module = "5701000000000001"): Stay {
  return {
    module: moduleUid(module),
    first,
    last: first + to - from,
    t0: millis(1_760_000_000_000 + first),
    t1: millis(1_760_000_060_000 + first),
    start: { in: from, out: 0 },
    end: { in: to, out: 0 },
  };
}
