/** One pack's log as far as it is known: its right edge, epochs and ledger fold. Nothing here grows with the log but the epochs. */
import { bytesEqual, messageOf } from "@wattseal/base";
import { decodeEntry, type Entry, LedgerFold } from "@wattseal/energy-ledger";
import {
  decodeEpochEvidence,
  type LctDocument,
  type TrustedKeys,
  type VerifiedEpoch,
  verifyAuthority,
  verifyEpoch,
} from "@wattseal/lct-keys/verify";
import { type Checkpoint, Frontier, leafHash, verifyCheckpoint } from "@wattseal/tlog";
import { type PackName, packOriginOf } from "@wattseal/uplink";
import { FederationError } from "../errors.js";
import { type FederationStore, readStoredLog, type StoredPosition } from "../store/port.js";
import { type EpochTrust, PackEpochs } from "./epochs.js";
import { Refused } from "./refused.js";

/** Leaves that were shown to extend the log, and the note that says so. */
export interface Growth {
  readonly leaves: readonly Uint8Array[];
  readonly leafHashes: readonly Uint8Array[];
  /** After the leaves. */
  readonly frontier: Frontier;
  readonly note: string;
  readonly checkpoint: Checkpoint;
}

const REPLAY_CHUNK = 1024;

export class PackLog {
  readonly pack: PackName;
  readonly #trust: EpochTrust;
  readonly #fold: LedgerFold;
  #frontier = new Frontier();
  #epochs = PackEpochs.none;
  /** Set for the time in which the fold takes entries that `#epochs` does not know yet. */
  #coming = PackEpochs.none;

  constructor(pack: PackName, authorityKeys: TrustedKeys) {
    this.pack = pack;
    this.#trust = { pack, authorityKeys };
    this.#fold = new LedgerFold({
      document: (_sign1, index) => {
        const { document } = this.#coming;
        if (document === undefined || index !== 0) {
          throw new Refused("untrusted", "only entry 0 is the document of this log");
        }
        return document.lct;
      },
      epoch: (_evidence, index) => {
        const epoch = this.#coming.at(index + 1);
        if (epoch === undefined) throw new Refused("epoch", "no epoch was verified");
        return epoch;
      },
      authority: (sign1) => verifyAuthority(sign1, authorityKeys),
    });
  }

  /**
   * Replays what is stored. Throws FederationError `store-corrupt` when the leaves do not give the stored edge
   * or the ledger's rules refuse them.
   */
  static async load(
    store: FederationStore,
    pack: PackName,
    authorityKeys: TrustedKeys,
  ): Promise<PackLog> {
    const log = new PackLog(pack, authorityKeys);
    const stored = await store.pack(pack);
    if (stored === undefined) return log;
    let chunk: Uint8Array[] = [];
    for await (const leaf of readStoredLog(store, pack)) {
      chunk.push(leaf);
      if (chunk.length === REPLAY_CHUNK) {
        log.#replay(chunk);
        chunk = [];
      }
    }
    log.#replay(chunk);
    if (!samePosition(log.position, stored)) {
      throw new FederationError(
        "store-corrupt",
        `${pack}: the ${log.size} stored leaves do not give the stored tree of ${stored.size}`,
      );
    }
    return log;
  }

  get size(): number {
    return this.#frontier.size;
  }

  get frontier(): Frontier {
    return this.#frontier;
  }

  get epochs(): PackEpochs {
    return this.#epochs;
  }

  get position(): StoredPosition {
    return { size: this.#frontier.size, nodes: this.#frontier.nodes() };
  }

  /** Throws LctKeysError, TlogError unless the pack's epoch of that size signed the note. */
  verifySignature(note: string, size: number): void {
    const epoch = this.#epochs.at(size);
    if (epoch === undefined) {
      throw new Refused("signature", `no epoch had begun at size ${size}`);
    }
    verifyCheckpoint(note, { name: packOriginOf(this.pack), publicKey: epoch.publicKey });
  }

  /**
   * Takes leaves whose root is already checked. Throws Refused: before the signature is verified nothing has
   * changed; `attested` after it, and this object is then no longer of use.
   */
  grow(growth: Growth, offered?: Uint8Array): void {
    const entries = this.#decode(growth);
    const epochs = this.#follow(entries, growth.leafHashes);
    if (growth.checkpoint.size === growth.frontier.size) epochs.verifyCheckpoint(growth.note);
    else this.#verifyBeyond(growth, epochs, offered);
    try {
      this.#take(entries, epochs);
    } catch (cause) {
      throw new Refused("entry", messageOf(cause), { cause, attested: true });
    }
    this.#frontier = growth.frontier;
  }

  /** Bytes that are no entry are junk, unless the pack's key says that it wrote them. */
  #decode({ leaves, note }: Growth): Entry[] {
    try {
      return decodeLeaves(leaves, this.size);
    } catch (cause) {
      const attested = this.#epochs.isSigner(note);
      throw new Refused(attested ? "entry" : "malformed", messageOf(cause), { cause, attested });
    }
  }

  /** A checkpoint beyond the leaves at hand: under the current key, or that of the evidence the pack has offered. */
  #verifyBeyond(growth: Growth, epochs: PackEpochs, offered: Uint8Array | undefined): void {
    try {
      epochs.verifyCheckpoint(growth.note);
      return;
    } catch (error) {
      if (offered === undefined || epochs.document === undefined) throw error;
    }
    const { document, current } = epochs;
    const epoch = verifyOffered(offered, document, current?.epoch ?? 0);
    verifyCheckpoint(growth.note, { name: document.origin, publicKey: epoch.publicKey });
  }

  #follow(entries: readonly Entry[], hashes: readonly Uint8Array[]): PackEpochs {
    const first = this.size;
    return this.#epochs.follow(entries, first, this.#trust, (index) => {
      const frontier = this.#frontier.clone();
      for (const hash of hashes.slice(0, index - first)) frontier.append(hash);
      return frontier.root();
    });
  }

  #take(entries: readonly Entry[], epochs: PackEpochs): void {
    this.#coming = epochs;
    for (const [i, entry] of entries.entries()) {
      this.#fold.apply(this.size + i, entry);
    }
    this.#epochs = epochs;
  }

  #replay(leaves: readonly Uint8Array[]): void {
    if (leaves.length === 0) return;
    try {
      const hashes = leaves.map(leafHash);
      const entries = decodeLeaves(leaves, this.size);
      this.#take(entries, this.#follow(entries, hashes));
      for (const hash of hashes) this.#frontier.append(hash);
    } catch (cause) {
      throw new FederationError("store-corrupt", `${this.pack}: ${messageOf(cause)}`, { cause });
    }
  }
}

/** Anchor's signature and LCT only: where this epoch begins is not known yet. */
function verifyOffered(
  evidence: Uint8Array,
  document: LctDocument,
  previousCounter: number,
): VerifiedEpoch {
  const { treeSize, treeRoot, time } = decodeEpochEvidence(evidence).body;
  return verifyEpoch(evidence, { document, previousCounter, treeSize, treeRoot, time });
}

function decodeLeaves(leaves: readonly Uint8Array[], first: number): Entry[] {
  return leaves.map((leaf, i) => {
    try {
      return decodeEntry(leaf);
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
