/** What the worker keeps. Adapters: embedded SQLite (./sqlite), PostgreSQL (./postgres), memory for tests. */
import type { ModuleUid } from "@wattseal/base";
import type { Stay } from "@wattseal/energy-ledger";
import type { PackName } from "@wattseal/uplink";
import type { FoldGrowth } from "../folds/growth.js";
import type { FoldStore } from "../folds/port.js";
import type { ReceiptLogStore, SignHead } from "../receipts/port.js";

/** The right edge of a stored log. `nodes` as `Frontier.nodes()`. */
export interface StoredPosition {
  readonly size: number;
  readonly nodes: readonly Uint8Array[];
}

export interface StoredPack extends StoredPosition {
  readonly pack: PackName;
  /** Latest receipt and the size it covers; leaves may reach beyond it while history is fetched. */
  readonly receipt: StoredReceipt | undefined;
}

export interface StoredReceipt {
  readonly size: number;
  readonly text: string;
}

/** A receipt that is given now. */
export interface GivenReceipt extends StoredReceipt {
  /** What the receipt log says of it, one leaf. Absent where this federation gives it again, or gave it long ago. */
  readonly record?: Uint8Array;
}

export interface StoredLeaves {
  readonly first: number;
  readonly leaves: readonly Uint8Array[];
}

export interface StoredHead {
  readonly size: number;
  readonly root: Uint8Array;
}

/** One pack's growth. Applied only where the stored position still is `previous` (size 0: the pack is new). */
export interface PackCommit {
  readonly pack: PackName;
  readonly previous: StoredPosition;
  readonly next: StoredPosition;
  /** Contiguous, from `previous.size` to `next.size`. */
  readonly leaves: readonly StoredLeaves[];
  /** Verified checkpoints in the range. */
  readonly heads: readonly StoredHead[];
  /** Replaces the last one; undefined keeps it. */
  readonly receipt: GivenReceipt | undefined;
  /** What the leaves say of where modules are: stays that are new, or longer than they were. */
  readonly stays: readonly Stay[];
  /** What the leaves add to the folds: taken where those are at `previous`, else left to whoever brings them up. */
  readonly fold: FoldGrowth;
}

/** One module in two logs that both claim some of what it counted. */
export interface ModuleTwice {
  readonly module: ModuleUid;
  /** As they were when it was found, the lower name first. */
  readonly stays: readonly [StayIn, StayIn];
}
export interface StayIn {
  readonly pack: PackName;
  readonly stay: Stay;
}

/** Something validly signed that contradicts the stored log. */
export interface ForkEvidence {
  readonly pack: PackName;
  /**
   * `checkpoint`: another root for a size; `epoch`: another body for an epoch's counter, or evidence of an epoch that the
   * stored log does not have and another contradiction of this pack rests on.
   */
  readonly kind: "checkpoint" | "epoch";
  /** Where they differ: size of the checkpoint; index of the stored epoch.begin, of the last one for an epoch yet to begin. */
  readonly size: number;
  /** The contradicting message as it came (batch, response, head, or evidence of an epoch). */
  readonly payload: Uint8Array;
  /** The latest receipt of the stored log; empty before the first. */
  readonly receipt: string;
}

/** A message signed by the pack whose content is refused. */
export interface Poison {
  readonly pack: PackName;
  readonly reason: string;
  readonly message: string;
  readonly payload: Uint8Array;
}

export interface FederationStore extends FoldStore, ReceiptLogStore {
  packs(): Promise<readonly StoredPack[]>;
  /** Up to `limit` of them, in the order of their names, after `after`. */
  packsAfter(after: string, limit: number): Promise<readonly StoredPack[]>;
  pack(pack: PackName): Promise<StoredPack | undefined>;
  /** Up to `limit` leaves from index `from` on; fewer at the end of what is stored. */
  leaves(pack: PackName, from: number, limit: number): Promise<readonly Uint8Array[]>;
  /** Root of a verified checkpoint of this size. */
  head(pack: PackName, size: number): Promise<Uint8Array | undefined>;
  /**
   * All in one durable transaction, in order; a pack whose position moved meanwhile is left as it is: "conflict". When it
   * resolves, everything stored outlives the process and its machine's power; when it rejects, all or nothing may be
   * stored. Throws InvariantViolation for a commit that is not whole: then nothing is. Records of receipts that are stored
   * are the receipt log's next leaves, and `sign` is asked for its head: without it the last signed head stays.
   */
  commit(
    group: readonly PackCommit[],
    sign?: SignHead,
  ): Promise<readonly ("stored" | "conflict")[]>;
  /** At most 16 a pack are kept, each once. False: not kept. */
  keepFork(fork: ForkEvidence): Promise<boolean>;
  /** As `keepFork`. */
  park(poison: Poison): Promise<boolean>;
  /** Found with the commit that made it so, each pair of packs once for a module. `untold`: those not told yet. */
  modulesTwice(which: "all" | "untold"): Promise<readonly ModuleTwice[]>;
  /** The operator has been told of these. */
  told(found: readonly ModuleTwice[]): Promise<void>;
  /** All, or those of one pack; what no worker can have kept is left out. */
  forks(pack?: PackName): Promise<readonly ForkEvidence[]>;
  /** Whose forks are kept. */
  forkedPacks(): Promise<readonly PackName[]>;
  parked(): Promise<readonly Poison[]>;
  /** What all of it takes on disk. */
  bytes(): Promise<number>;
  close(): Promise<void>;
}

export const MAX_KEPT_PER_PACK = 16;
/** Stays kept of one module in one pack, the newest. */
export const MAX_STAYS = 16;
const PAGE = 1024;

/** Every stored leaf of a pack from `first` on, in order, up to `end`: the log may grow while it is read. */
export async function* readStoredLog(
  store: Pick<FederationStore, "leaves">,
  pack: PackName,
  end = Number.MAX_SAFE_INTEGER,
  first = 0,
): AsyncGenerator<Uint8Array> {
  for (let from = first; from < end; ) {
    const page = await store.leaves(pack, from, Math.min(PAGE, end - from));
    if (page.length === 0) return;
    yield* page;
    from += page.length;
  }
}
