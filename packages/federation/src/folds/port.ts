/** What a store keeps of folds. Whoever can write it can make sums and lists lie; what is signed lies in the leaves. */
import type { PackName } from "@wattseal/uplink";
import type { EnergySum, FoldGrowth, FoldSummary, Span } from "./growth.js";

export interface StoredFold {
  readonly pack: PackName;
  /** 0: nothing was made yet. */
  readonly version: number;
  /** Entries that are in it: behind the log's until it is made again. */
  readonly size: number;
  readonly summary: FoldSummary | undefined;
}

export interface EnergyQuery {
  /** Undefined: the sum over all packs. */
  readonly pack: PackName | undefined;
  readonly span: Span;
  /** UTC ms: hours or days that begin from `from` on and before `to`. */
  readonly from: number;
  readonly to: number;
}

/** Where to look on: the next entry to be looked at. */
export interface Place {
  readonly pack: PackName;
  readonly index: number;
}

export interface MarksQuery {
  /** One or two: entries that have all of them. */
  readonly keys: readonly [string, ...string[]];
  /** Undefined: of every pack. */
  readonly pack: PackName | undefined;
  /** Blocks from the one with this entry on. */
  readonly from: Place | undefined;
  /** The last ones first. */
  readonly backwards?: boolean;
  readonly limit: number;
}

/** Entries of one block. */
export interface MarkedBlock {
  readonly pack: PackName;
  readonly block: number;
  /** 32 bytes: which have all keys. */
  readonly bits: Uint8Array;
}

export interface FoldStore {
  fold(pack: PackName): Promise<StoredFold | undefined>;
  /** Up to `limit`, in the order of names, after `after`. */
  foldsAfter(after: string, limit: number): Promise<readonly StoredFold[]>;
  /** Packs whose folds are older than `version`, or behind their log; at most `limit`, by name after `after`. */
  foldsBehind(version: number, after: string, limit: number): Promise<readonly PackName[]>;
  /**
   * Takes the folds of stored entries on from `from` to `to`, in one transaction; from 0 they begin anew. False: they are not
   * there (any more), or of a newer version, and nothing is done.
   */
  advanceFold(pack: PackName, from: number, to: number, growth: FoldGrowth): Promise<boolean>;
  /** In the order of time; an hour or day of which nothing is known is left out. */
  energy(query: EnergyQuery): Promise<readonly EnergySum[]>;
  /** Blocks that have a mark, in an order of packs that stays, and of indices. */
  marks(query: MarksQuery): Promise<readonly MarkedBlock[]>;
  /** Roots of `count` subtrees in a row, fewer where they are not complete. */
  subtrees(
    pack: PackName,
    tile: number,
    index: number,
    count: number,
  ): Promise<readonly Uint8Array[]>;
}
