/** Follows the epoch keys inside one log: which key signs a checkpoint is what the tree's last epoch.begin says. */
import { bytesEqual } from "@wattseal/base";
import { type Checkpoint, verifyCheckpoint } from "@wattseal/tlog";
import type { LctDocument } from "./document.js";
import {
  type EpochContext,
  requireSignedBy,
  type VerifiedEpoch,
  verifiedEpoch,
  verifyEpoch,
} from "./epoch.js";
import { LctKeysError } from "./errors.js";
import { decodeEpochEvidence } from "./evidence.js";

/** Where an epoch.begin entry stands: its index, the root of the tree before it, and its time in ms. */
export type EpochPosition = Pick<EpochContext, "treeSize" | "treeRoot" | "time">;

export class EpochChain {
  readonly document: LctDocument;
  #current: VerifiedEpoch | undefined;

  /** `document`: verified, entry 0 of the log. */
  constructor(document: LctDocument) {
    this.document = document;
  }

  /**
   * Continues from the last accepted evidence, read from a store of one's own: its signature is checked again,
   * its place in the log was when it was accepted.
   */
  static resume(document: LctDocument, evidence: Uint8Array): EpochChain {
    const decoded = decodeEpochEvidence(evidence);
    requireSignedBy(document, decoded);
    const chain = new EpochChain(document);
    chain.#current = verifiedEpoch(document, decoded, evidence);
    return chain;
  }

  get current(): VerifiedEpoch | undefined {
    return this.#current;
  }

  /** Counter of the current epoch; 0 before the first. */
  get lastCounter(): number {
    return this.#current?.epoch ?? 0;
  }

  /**
   * Takes the evidence of an epoch.begin entry. The current epoch's body again is ignored ("repeated").
   * Throws what `verifyEpoch` throws, and `epoch-cloned` for another validly signed body with the current counter.
   */
  begin(evidence: Uint8Array, at: EpochPosition): "began" | "repeated" {
    const current = this.#current;
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
    this.#current = verifyEpoch(evidence, { document: this.document, previousCounter, ...at });
    return "began";
  }

  #require(): VerifiedEpoch {
    if (this.#current === undefined) {
      throw new LctKeysError("epoch-missing", "no epoch has begun in this log yet");
    }
    return this.#current;
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
