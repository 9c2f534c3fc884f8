/** Follows the epoch keys inside one log: which key signs a checkpoint is what the tree's last epoch.begin says. */
import { type Checkpoint, verifyCheckpoint } from "@wattseal/tlog";
import type { LctDocument } from "./document.js";
import { type EpochContext, isCloneProof, type VerifiedEpoch, verifyEpoch } from "./epoch.js";
import { LctKeysError } from "./errors.js";
import { decodeEpochEvidence } from "./evidence.js";

/** Where an epoch.begin entry stands: its index, the root of the tree before it, and its time in ms. */
export type EpochPosition = Pick<EpochContext, "treeSize" | "treeRoot" | "time">;

export class EpochChain {
  readonly document: LctDocument;
  readonly #epochs: VerifiedEpoch[] = [];

  /** `document`: verified, entry 0 of the log. */
  constructor(document: LctDocument) {
    this.document = document;
  }

  /**
   * The chain that `save` described. Each evidence is verified again but for the tree it continues and its entry's
   * time: whoever vouches for the list vouches for these. Throws what `begin` throws.
   */
  static restore(document: LctDocument, evidences: readonly Uint8Array[]): EpochChain {
    const chain = new EpochChain(document);
    for (const evidence of evidences) {
      const { treeSize, treeRoot, time } = decodeEpochEvidence(evidence).body;
      if (treeSize <= (chain.current?.treeSize ?? 0)) {
        throw new LctKeysError("epoch-tree", `an epoch on a tree of ${treeSize} is out of order`);
      }
      chain.begin(evidence, { treeSize, treeRoot, time });
    }
    return chain;
  }

  /** The evidence of each epoch, in order: with the document, all that `restore` needs. */
  save(): readonly Uint8Array[] {
    return this.#epochs.map(({ evidence }) => evidence);
  }

  /** A chain that goes on from here by itself. */
  clone(): EpochChain {
    const chain = new EpochChain(this.document);
    chain.#epochs.push(...this.#epochs);
    return chain;
  }

  /** All that began, in order; the index of each one's epoch.begin is its `treeSize`. */
  get epochs(): readonly VerifiedEpoch[] {
    return this.#epochs;
  }

  get current(): VerifiedEpoch | undefined {
    return this.#epochs.at(-1);
  }

  /** The epoch that signs the tree of the first `size` entries: that of the last epoch.begin in it. */
  at(size: number): VerifiedEpoch | undefined {
    return this.#epochs.findLast(({ treeSize }) => treeSize < size);
  }

  /** Counter of the current epoch; 0 before the first. */
  get lastCounter(): number {
    return this.current?.epoch ?? 0;
  }

  /** The highest version of a boot approval that an epoch stood under; 0 before there was one. */
  get bootVersion(): number {
    return this.#epochs.reduce((highest, { bootVersion }) => Math.max(highest, bootVersion), 0);
  }

  /**
   * Takes the evidence of an epoch.begin entry; an epoch begins once. Throws what `verifyEpoch` throws, and
   * `epoch-cloned` for another validly signed body with the counter of an epoch that is here.
   */
  begin(evidence: Uint8Array, at: EpochPosition): void {
    const { document, lastCounter: previousCounter, bootVersion: previousBootVersion } = this;
    const offered = decodeEpochEvidence(evidence);
    const known = this.#epochs.find(({ epoch }) => epoch === offered.body.epoch);
    if (known !== undefined && isCloneProof(document, known.evidence, evidence)) {
      throw new LctKeysError(
        "epoch-cloned",
        `the anchor of ${document.lct} signed two different bodies for epoch ${known.epoch}`,
      );
    }
    const context = { document, previousCounter, previousBootVersion, ...at };
    this.#epochs.push(verifyEpoch(evidence, context));
  }

  #require(): VerifiedEpoch {
    const { current } = this;
    if (current === undefined) {
      throw new LctKeysError("epoch-missing", "no epoch has begun in this log yet");
    }
    return current;
  }

  /** Of every entry after the epoch.begin, ms. Throws `epoch-expired` beyond 31 days, `epoch-missing`. */
  checkTime(time: number): void {
    const epoch = this.#require();
    if (time > epoch.expiresAt) {
      throw new LctKeysError(
        "epoch-expired",
        `time ${time} is past the end of epoch ${epoch.epoch}, ${epoch.expiresAt}`,
      );
    }
  }

  /**
   * Verifies a note under the current epoch's key and this log's name. Throws `epoch-missing`,
   * `checkpoint-signature` (cause: what the note lacks), `checkpoint-size` (does not cover the epoch.begin).
   */
  verifyCheckpoint(noteText: string): Checkpoint {
    const { epoch, publicKey, treeSize } = this.#require();
    const checkpoint = this.#signedBy(noteText, publicKey, epoch);
    if (checkpoint.size <= treeSize) {
      throw new LctKeysError(
        "checkpoint-size",
        `the checkpoint of size ${checkpoint.size} is signed by epoch ${epoch}, which began after entry ${treeSize - 1}`,
      );
    }
    return checkpoint;
  }

  #signedBy(noteText: string, publicKey: Uint8Array, epoch: number): Checkpoint {
    const { origin } = this.document;
    try {
      return verifyCheckpoint(noteText, { name: origin, publicKey });
    } catch (cause) {
      throw new LctKeysError(
        "checkpoint-signature",
        `the checkpoint is not signed by ${origin} under the key of epoch ${epoch}`,
        { cause },
      );
    }
  }
}
