/** Follows the epoch keys inside one log: which key signs a checkpoint is what the tree's last epoch.begin says. */
import { bytesEqual } from "@wattseal/base";
import { type Checkpoint, verifyCheckpoint } from "@wattseal/tlog";
import type { LctDocument } from "./document.js";
import { type EpochContext, requireSignedBy, type VerifiedEpoch, verifyEpoch } from "./epoch.js";
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

  /**
   * Takes the evidence of an epoch.begin entry. The current epoch's body again is ignored ("repeated").
   * Throws what `verifyEpoch` throws, and `epoch-cloned` for another validly signed body with the current counter.
   */
  begin(evidence: Uint8Array, at: EpochPosition): "began" | "repeated" {
    const { current } = this;
    if (current !== undefined) {
      const known = decodeEpochEvidence(current.evidence).bodyBytes;
      const offered = decodeEpochEvidence(evidence);
      if (offered.body.epoch === current.epoch) {
        requireSignedBy(this.document, offered);
        if (bytesEqual(offered.bodyBytes, known)) return "repeated";
        throw new LctKeysError(
          "epoch-cloned",
          `the anchor of ${this.document.lct} signed two different bodies for epoch ${current.epoch}`,
        );
      }
    }
    const previousCounter = this.lastCounter;
    this.#epochs.push(verifyEpoch(evidence, { document: this.document, previousCounter, ...at }));
    return "began";
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
