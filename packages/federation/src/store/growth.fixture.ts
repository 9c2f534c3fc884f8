/** Growth of logs whose leaves are told apart by index and mark. */
import { millis, moduleUid, utf8 } from "@wattseal/base";
import type { Stay } from "@wattseal/energy-ledger";
import { Frontier, leafHash } from "@wattseal/tlog";
import { type PackName, packName } from "@wattseal/uplink";
import { type EnergySum, FOLD_VERSION, type FoldGrowth, type Span } from "../folds/growth.js";
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
    fold: foldGrowth(size),
  };
}

const NONE = { in: 0, out: 0 };

/** Of a log whose last entry is at `time`. */
export function foldGrowth(time: number, change: Partial<FoldGrowth> = {}): FoldGrowth {
  const accounts = {
    supply: 0,
    atp: 0,
    reserved: 0,
    adp: 0,
    eligible: 0,
    withheld: 0,
    unclaimed: 0,
  };
  const more = { deficit: 0, opening: 0, net: 0, recordedLoss: 0, claims: 0, conversionLoss: 0 };
  const society = { ...accounts, ...more, wasted: 0 };
  const summary = { time, society, epochs: { software: 1 }, modules: [], alarms: {} };
  return { version: FOLD_VERSION, summary, energy: [], marks: [], subtrees: [], ...change };
}

/** Consistent energy in of an hour or a day. */
export function energySum(span: Span, start: number, inward: number): EnergySum {
  const consistent = { in: inward, out: 0 };
  return { span, start, energy: { consistent, suspect: NONE, unauthenticated: NONE, gap: NONE } };
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
