import {
  bytesEqual,
  InvariantViolation,
  type LctId,
  type Millis,
  messageOf,
  sha256,
  toHex,
} from "@wattseal/base";
import {
  decodeEntry,
  decodeSnapshot,
  type Entry,
  encodeSnapshot,
  type ForeignEntry,
  type LedgerChecks,
  LedgerFold,
  type PolicyWitness,
  type SavedLedger,
  type Snapshot,
} from "@wattseal/energy-ledger";
import {
  EpochChain,
  type LctDocument,
  requireLogDocument,
  type TrustedKeys,
  type VerifiedEpoch,
  verifyAuthority,
  verifyLctDocument,
} from "@wattseal/lct-keys/verify";
import { type Checkpoint, Frontier, leafHash } from "@wattseal/tlog";
import { VerifierError } from "../errors.js";
import { verifyProofFile } from "../proof/verify.js";
import type { TrustedAuthority } from "../trust/trust.js";

/** One leaf, taken apart. */
export interface DecodedLeaf {
  readonly entry: Entry;
  /** Of the bytes that say it: 32 bytes. */
  readonly leafHash: Uint8Array;
}

/** Whoever's documents and statements are accepted. */
export interface AcceptedAuthorities {
  readonly authorities: readonly Pick<TrustedAuthority, "publicKey">[];
}

/**
 * One log from entry 0 on: the tree, the epochs that sign it, and every fold over it, held against each other
 * with each entry. Without trust, entry 0's issuer is taken at its word and everything else is held to it.
 *
 * Trust: entries may come from anyone. Nothing is accepted that the entries before it do not allow.
 */
export class LogReplay {
  readonly fold: LedgerFold;
  readonly #authorities: TrustedKeys | undefined;
  readonly #frontier: Frontier;
  #chain: EpochChain | undefined;

  constructor(trust: AcceptedAuthorities | undefined, saved?: Snapshot) {
    this.#authorities = trust?.authorities.map(({ publicKey }) => publicKey);
    this.#frontier = saved === undefined ? new Frontier() : frontierOf(saved);
    const checks: LedgerChecks = {
      document: (sign1, index) => this.#document(sign1, index),
      epoch: (evidence, index, timeMs) => this.#epoch(evidence, index, timeMs),
      authority: (sign1) => verifyAuthority(sign1, this.#accepted()),
      foreign: (proof, witnesses) => this.#foreign(proof, witnesses),
      snapshot: (digest) => this.#requireDigest(digest),
    };
    this.fold = new LedgerFold(checks, saved && this.#savedLedger(saved));
  }

  /**
   * A replay that goes on after a snapshot's last entry, its document and its epochs verified again. That `bytes`
   * are this log's state is for the caller to know: their SHA-256 is what the log's ops.snapshot at that index
   * says, and `root()` is the log's. Throws VerifierError `snapshot`.
   */
  static fromSnapshot(bytes: Uint8Array, trust: AcceptedAuthorities | undefined): LogReplay {
    try {
      const replay = new LogReplay(trust, decodeSnapshot(bytes));
      if (bytesEqual(replay.snapshot(), bytes)) return replay;
    } catch (cause) {
      throw new VerifierError("snapshot", `snapshot: ${messageOf(cause)}`, { cause });
    }
    throw new VerifierError("snapshot", "snapshot: its state would be written otherwise");
  }

  #savedLedger({ size, document, epochs, ledger: state }: Snapshot): SavedLedger {
    const chain = EpochChain.restore(this.#verifyDocument(document, 0), epochs);
    const epoch = chain.at(size);
    if (epoch === undefined || epoch !== chain.current) {
      throw new VerifierError("snapshot", `its last epoch does not begin within ${size} entries`);
    }
    this.#chain = chain;
    return { size, lct: chain.document.lct, epoch, state };
  }

  /**
   * The state that the entries so far leave, as docs/ledger-format.md writes it: what an ops.snapshot that comes
   * next states the SHA-256 of. Throws RangeViolation beyond 64 MiB, VerifierError `snapshot` before the first epoch.
   */
  snapshot(): Uint8Array {
    if (this.#chain === undefined) throw new VerifierError("snapshot", "the log is empty");
    return encodeSnapshot({
      size: this.size,
      tree: this.#frontier.nodes(),
      document: this.#chain.document.bytes,
      epochs: this.#chain.save(),
      ledger: this.fold.save(),
    });
  }

  #requireDigest(digest: Uint8Array): void {
    const own = sha256(this.snapshot());
    if (bytesEqual(own, digest)) return;
    throw new VerifierError(
      "entry",
      `its digest is ${toHex(digest)}, but the entries before it give ${toHex(own)}`,
    );
  }

  get size(): number {
    return this.#frontier.size;
  }

  /** Right edge of the tree; a copy. */
  get frontier(): Frontier {
    return this.#frontier.clone();
  }

  root(): Uint8Array {
    return this.#frontier.root();
  }

  /** The log's document and epochs; undefined before entry 0. */
  get chain(): EpochChain | undefined {
    return this.#chain;
  }

  /** The key that signs the tree of the first `size` entries: that of the last epoch.begin in it. */
  keyAt(size: number): Uint8Array | undefined {
    return this.#chain?.at(size)?.publicKey;
  }

  /**
   * Document and epochs as they stand once `leaves` have followed: whoever takes entries from outside learns here
   * who has to have signed them, before any rule of the ledger looks at them. Changes nothing. Undefined where
   * entry 0 is no lct.document; throws what `verifyLctDocument` and `EpochChain.begin` throw.
   */
  chainAfter(leaves: readonly DecodedLeaf[]): EpochChain | undefined {
    const begins = leaves.some(({ entry }) => entry.type === "epoch.begin");
    if (this.#chain !== undefined && !begins) return this.#chain;
    const chain = this.#chain?.clone() ?? this.#chainFrom(leaves[0]?.entry);
    const frontier = this.#frontier.clone();
    for (const { entry, leafHash: leaf } of leaves) {
      if (entry.type === "epoch.begin") {
        const at = { treeSize: frontier.size, treeRoot: frontier.root(), time: entry.timeMs };
        chain?.begin(entry.body.evidence, at);
      }
      frontier.append(leaf);
    }
    return chain;
  }

  #chainFrom(entry: Entry | undefined): EpochChain | undefined {
    if (entry?.type !== "lct.document") return undefined;
    return new EpochChain(this.#verifyDocument(entry.body.sign1, 0));
  }

  /**
   * Takes the next entry's bytes. Throws VerifierError `entry`, naming the index and the reason, and then has
   * changed nothing; InvariantViolation when the books do not balance any more. `leaf` spares hashing where the caller has the leaf hash.
   */
  append(bytes: Uint8Array, leaf: Uint8Array = leafHash(bytes)): Entry {
    const entry = decode(bytes, this.size);
    this.take({ entry, leafHash: leaf });
    return entry;
  }

  /** As `append`, for a leaf that is decoded already. */
  take({ entry, leafHash: leaf }: DecodedLeaf): void {
    const index = this.size;
    try {
      this.fold.apply(index, entry);
    } catch (cause) {
      if (cause instanceof InvariantViolation) throw cause;
      throw new VerifierError("entry", messageOf(cause), { index, cause });
    }
    this.#frontier.append(leaf);
  }

  /**
   * Verifies the log's own signature on a note, under the key of the epoch now running, and that it is the head
   * of exactly these entries. Throws VerifierError `checkpoint`.
   */
  checkCheckpoint(note: string): Checkpoint {
    if (this.#chain === undefined) throw new VerifierError("checkpoint", "the log is empty");
    let checkpoint: Checkpoint;
    try {
      checkpoint = this.#chain.verifyCheckpoint(note);
    } catch (cause) {
      throw new VerifierError("checkpoint", messageOf(cause), { cause });
    }
    const { size, root } = checkpoint;
    if (size !== this.size) {
      throw new VerifierError("checkpoint", `checkpoint of size ${size}, but ${this.size} entries`);
    }
    if (!bytesEqual(root, this.root())) {
      const roots = `${toHex(root)}, but the entries give ${toHex(this.root())}`;
      throw new VerifierError("checkpoint", `checkpoint of size ${size} has root ${roots}`);
    }
    return checkpoint;
  }

  #accepted(): TrustedKeys {
    const issuer = this.#chain?.document.issuer.publicKey;
    return this.#authorities ?? (issuer === undefined ? [] : [issuer]);
  }

  /** An entry of another log is held to the authorities that this log is, and to the witnesses of its policy. */
  #foreign(proof: Uint8Array, policy: readonly PolicyWitness[]): ForeignEntry {
    const authorities = this.#accepted().map((publicKey) => ({ name: "accepted here", publicKey }));
    const witnesses = policy.map(({ name, publicKey }) => ({ name, publicKeys: [publicKey] }));
    return verifyProofFile(proof, { authorities, witnesses, quorum: 1 });
  }

  #verifyDocument(sign1: Uint8Array, index: number): LctDocument {
    const trust = this.#authorities ?? (index === 0 ? "self-consistent" : this.#accepted());
    const document = verifyLctDocument(sign1, trust);
    if (index === 0) requireLogDocument(document);
    return document;
  }

  #document(sign1: Uint8Array, index: number): LctId {
    const document = this.#verifyDocument(sign1, index);
    if (index === 0) this.#chain = new EpochChain(document);
    return document.lct;
  }

  #epoch(evidence: Uint8Array, index: number, time: Millis): VerifiedEpoch {
    this.#chain?.begin(evidence, { treeSize: index, treeRoot: this.root(), time });
    const current = this.#chain?.current;
    if (current === undefined) throw new VerifierError("entry", "no document comes before it");
    return current;
  }
}

/** Of its own bytes, not views of the snapshot's. */
function frontierOf({ size, tree }: Snapshot): Frontier {
  return Frontier.from(
    size,
    tree.map((node) => node.slice()),
  );
}

function decode(bytes: Uint8Array, index: number): Entry {
  try {
    return decodeEntry(bytes);
  } catch (cause) {
    throw new VerifierError("entry", `entry ${index}: ${messageOf(cause)}`, { index, cause });
  }
}
