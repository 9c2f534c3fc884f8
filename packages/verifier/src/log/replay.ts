import { bytesEqual, InvariantViolation, type Millis, messageOf, toHex } from "@wattseal/base";
import { decodeEntry, type Entry, LedgerFold } from "@wattseal/energy-ledger";
import {
  EpochChain,
  type TrustedKeys,
  type VerifiedEpoch,
  verifyAuthority,
  verifyLctDocument,
} from "@wattseal/lct-keys/verify";
import { type Checkpoint, Frontier, leafHash } from "@wattseal/tlog";
import { VerifierError } from "../errors.js";
import type { Trust } from "../trust/trust.js";

interface EpochStart {
  /** Index of its epoch.begin: trees larger than this are signed under its key. */
  readonly index: number;
  readonly publicKey: Uint8Array;
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
  readonly #frontier = new Frontier();
  readonly #epochs: EpochStart[] = [];
  #chain: EpochChain | undefined;

  constructor(trust: Trust | undefined) {
    this.#authorities = trust?.authorities.map(({ publicKey }) => publicKey);
    this.fold = new LedgerFold({
      document: (sign1, index) => this.#document(sign1, index),
      epoch: (evidence, index, timeMs) => this.#epoch(evidence, index, timeMs),
      authority: (sign1) => verifyAuthority(sign1, this.#accepted()),
    });
  }

  get size(): number {
    return this.#frontier.size;
  }

  root(): Uint8Array {
    return this.#frontier.root();
  }

  /** The log's document and epochs; undefined before entry 0. */
  get chain(): EpochChain | undefined {
    return this.#chain;
  }

  /** Epochs begun so far. */
  get epochs(): number {
    return this.#epochs.length;
  }

  /** The key that signs the tree of the first `size` entries: that of the last epoch.begin in it. */
  keyAt(size: number): Uint8Array | undefined {
    return this.#epochs.findLast(({ index }) => index < size)?.publicKey;
  }

  /**
   * Takes the next entry's bytes. Throws VerifierError `entry`, naming the index and the reason, and then has
   * changed nothing; InvariantViolation when the books do not balance any more. `leaf` spares hashing where the caller has the leaf hash.
   */
  append(bytes: Uint8Array, leaf: Uint8Array = leafHash(bytes)): Entry {
    const index = this.size;
    const entry = decode(bytes, index);
    try {
      this.fold.apply(index, entry);
    } catch (cause) {
      if (cause instanceof InvariantViolation) throw cause;
      throw new VerifierError("entry", messageOf(cause), { index, cause });
    }
    this.#frontier.append(leaf);
    return entry;
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

  #document(sign1: Uint8Array, index: number) {
    const trust = this.#authorities ?? (index === 0 ? "self-consistent" : this.#accepted());
    const document = verifyLctDocument(sign1, trust);
    if (index === 0) this.#chain = new EpochChain(document);
    return document.lct;
  }

  #epoch(evidence: Uint8Array, index: number, time: Millis): VerifiedEpoch {
    const chain = this.#chain;
    const begun = chain?.begin(evidence, { treeSize: index, treeRoot: this.root(), time });
    const current = chain?.current;
    if (current === undefined) throw new VerifierError("entry", "no document comes before it");
    if (begun === "began") this.#epochs.push({ index, publicKey: current.publicKey });
    return current;
  }
}

function decode(bytes: Uint8Array, index: number): Entry {
  try {
    return decodeEntry(bytes);
  } catch (cause) {
    throw new VerifierError("entry", `entry ${index}: ${messageOf(cause)}`, { index, cause });
  }
}
