/** One pack's log as far as it is known. Nothing here grows with an honest log but the epochs. */
import { bytesEqual, messageOf } from "@wattseal/base";
import { decodeEntry, type Stay, StayBook } from "@wattseal/energy-ledger";
import type { EpochChain, TrustedKeys } from "@wattseal/lct-keys/verify";
import { type Checkpoint, type Frontier, leafHash } from "@wattseal/tlog";
import type { PackName } from "@wattseal/uplink";
import { type CheckedStatements, type DecodedLeaf, LogReplay } from "@wattseal/verifier";
import { FederationError } from "../errors.js";
import { FoldBook } from "../folds/book.js";
import { BLOCK, type FoldGrowth } from "../folds/growth.js";
import {
  type FederationStore,
  readStoredLog,
  type StoredPack,
  type StoredPosition,
} from "../store/port.js";
import { requireSignedAhead } from "./authenticity.js";
import { Refused } from "./refused.js";
import { StatementBook, type StatementKeys } from "./statements.js";

/** Leaves that were shown to extend the log, and the note that says so. */
export interface Growth {
  readonly leaves: readonly Uint8Array[];
  readonly leafHashes: readonly Uint8Array[];
  /** After the leaves. */
  readonly frontier: Frontier;
  readonly note: string;
  readonly checkpoint: Checkpoint;
}

/** Entries: of a log that is only followed nothing is gained, and nothing kept. */
const FORGET_EVERY = 8_192;

export class PackLog {
  readonly pack: PackName;
  readonly #replay: LogReplay;
  readonly #stays = new StayBook();
  readonly #folds = new FoldBook();
  readonly #statements: StatementBook;
  /** Entries that a receipt covers. */
  #receipted = 0;

  /** Without `statements` no counter statement is checked. */
  constructor(pack: PackName, authorityKeys: TrustedKeys, statements?: StatementKeys) {
    this.pack = pack;
    this.#statements = new StatementBook(statements);
    this.#replay = new LogReplay({
      authorities: authorityKeys.map((publicKey) => ({ publicKey })),
    });
  }

  /**
   * Replays what was stored when `stored` was read; another worker may have let it grow since. Throws FederationError
   * `store-corrupt` when the leaves do not give the stored edge or the ledger's rules refuse them.
   */
  static async load(
    store: FederationStore,
    stored: StoredPack,
    authorityKeys: TrustedKeys,
    statements?: StatementKeys,
  ): Promise<PackLog> {
    const log = new PackLog(stored.pack, authorityKeys, statements);
    await log.follow(store, stored);
    return log;
  }

  /** Takes up what is stored beyond this log, up to `stored`. Throws as `load`; this object is then no longer of use. */
  async follow(store: FederationStore, stored: StoredPack): Promise<void> {
    const { size } = this;
    this.#receiptGiven(stored.receipt?.size ?? 0);
    for await (const leaf of readStoredLog(store, this.pack, stored.size, size)) {
      this.restore(leaf);
      if (this.size % FORGET_EVERY === 0) this.#folds.forget();
    }
    this.#folds.forget();
    this.#stays.forgetPast();
    if (samePosition(this.position, stored)) return;
    throw new FederationError(
      "store-corrupt",
      `${this.pack}: the ${this.size} stored leaves do not give the stored tree of ${stored.size}`,
    );
  }

  /** What another worker has given a receipt for, it has checked. */
  #receiptGiven(size: number): void {
    if (size > this.size) this.#statements.take();
    this.#receipted = size;
  }

  /** Takes the next stored leaf. Throws FederationError `store-corrupt`. */
  restore(leaf: Uint8Array): void {
    try {
      this.#take({ entry: decodeEntry(leaf), leafHash: leafHash(leaf) });
      if (this.size === 1) requireOwn(this.pack, this.chain);
    } catch (cause) {
      throw new FederationError("store-corrupt", `${this.pack}: ${messageOf(cause)}`, { cause });
    }
  }

  #take(leaf: DecodedLeaf): void {
    const index = this.size;
    const before = (index + 1) % BLOCK === 0 ? this.#replay.frontier : undefined;
    this.#replay.take(leaf);
    this.#stays.observe(index, leaf.entry);
    this.#statements.observe(index, leaf.entry, index >= this.#receipted);
    this.#folds.observe(index, leaf, before);
  }

  get size(): number {
    return this.#replay.size;
  }

  /** Right edge of the tree; a copy. */
  get frontier(): Frontier {
    return this.#replay.frontier;
  }

  /** Undefined before entry 0. */
  get chain(): EpochChain | undefined {
    return this.#replay.chain;
  }

  /** Modules' stays that are new or longer since the last call, of a log just loaded all that are followed. */
  takeStays(): readonly Stay[] {
    return this.#stays.takeChanged();
  }

  /** What the folds gain since the last call, or since this log was loaded. */
  takeFold(): FoldGrowth {
    return this.#folds.take(this.#replay);
  }

  /** What became of counter statements since the last call, among entries that no receipt covers. */
  takeStatements(): CheckedStatements {
    return this.#statements.take();
  }

  get position(): StoredPosition {
    const { frontier } = this;
    return { size: frontier.size, nodes: frontier.nodes() };
  }

  /**
   * Takes leaves whose root is already checked. Throws Refused, LctKeysError, TlogError: before the signature is
   * verified nothing has changed; Refused `attested` after it, and this object is then no longer of use.
   */
  grow(growth: Growth, offered?: Uint8Array): void {
    const leaves = this.#decode(growth);
    const chain = this.#replay.chainAfter(leaves);
    requireOwn(this.pack, chain);
    if (growth.checkpoint.size === growth.frontier.size) chain.verifyCheckpoint(growth.note);
    else requireSignedAhead(growth.note, growth.checkpoint.size, chain, { offered, leaves: [] });
    try {
      for (const leaf of leaves) this.#take(leaf);
    } catch (cause) {
      throw new Refused("entry", messageOf(cause), { cause, attested: true });
    }
  }

  /** Bytes that are no entry are junk, unless the pack's key says that it wrote them. */
  #decode({ leaves, leafHashes, note }: Growth): DecodedLeaf[] {
    try {
      return decodeLeaves(leaves, leafHashes, this.size);
    } catch (cause) {
      const attested = this.chain !== undefined && isSigner(this.chain, note);
      throw new Refused(attested ? "entry" : "malformed", messageOf(cause), { cause, attested });
    }
  }
}

/** Entry 0 has to be the document of the pack whose topic this is. */
function requireOwn(pack: PackName, chain: EpochChain | undefined): asserts chain is EpochChain {
  if (chain === undefined) throw new Refused("untrusted", "entry 0 is no lct.document");
  const { label, lct } = chain.document;
  if (label === pack && lct.startsWith("lct:pack:")) return;
  throw new Refused("untrusted", `entry 0 is the document of ${lct}, not of the pack ${pack}`);
}

function isSigner(chain: EpochChain, note: string): boolean {
  try {
    chain.verifyCheckpoint(note);
    return true;
  } catch {
    return false;
  }
}

function decodeLeaves(
  leaves: readonly Uint8Array[],
  leafHashes: readonly Uint8Array[],
  first: number,
): DecodedLeaf[] {
  return leaves.map((leaf, i) => {
    try {
      return { entry: decodeEntry(leaf), leafHash: leafHashes[i] ?? leafHash(leaf) };
    } catch (cause) {
      throw new Refused("malformed", `leaf ${first + i}: ${messageOf(cause)}`, { cause });
    }
  });
}

export function samePosition(a: StoredPosition, b: StoredPosition): boolean {
  return (
    a.size === b.size &&
    a.nodes.length === b.nodes.length &&
    a.nodes.every((node, i) => bytesEqual(node, b.nodes[i] ?? new Uint8Array(0)))
  );
}
