/** The signer with a software anchor, in the process that uses it. What it signs is marked `software`. */
import { bytesEqual, type Clock, messageOf } from "@wattseal/base";
import { signCheckpoint, verifyConsistency } from "@wattseal/tlog";
import type { Ed25519SecretKey } from "../keys/ed25519.js";
import type { LctDocument } from "../verify/document.js";
import type { VerifiedEpoch } from "../verify/epoch.js";
import { LctKeysError } from "../verify/errors.js";
import type { OcmfDay } from "../verify/ocmf.js";
import { beginSoftwareEpoch, type SoftwareSignerOptions } from "./epoch-begin.js";
import { signDay } from "./ocmf.js";
import type { Signer, SignerIdentity, SignRequest, TreeHead } from "./port.js";
import { encodeState } from "./state.js";
import { type StateFiles, stateFilesIn } from "./state-files.js";

/** For tests: `files` may fail at any step. */
export async function openSoftwareSigner(
  options: SoftwareSignerOptions,
  files: StateFiles,
): Promise<SoftwareSigner> {
  const log = { ...options.log, root: new Uint8Array(options.log.root) };
  const begun = await beginSoftwareEpoch({ ...options, log }, files);
  return new SoftwareSigner({ ...options, ...begun, files });
}

interface Parts {
  readonly directory: string;
  readonly clock: Clock;
  readonly document: LctDocument;
  readonly files: StateFiles;
  readonly key: Ed25519SecretKey;
  readonly epoch: VerifiedEpoch;
}

export class SoftwareSigner implements Signer {
  readonly #parts: Parts;
  #last: TreeHead;
  #queue: Promise<unknown> = Promise.resolve();
  #stopped: LctKeysError | undefined;

  /** Only `open` makes one. */
  constructor(parts: Parts) {
    this.#parts = parts;
    this.#last = { size: parts.epoch.treeSize, root: parts.epoch.treeRoot };
  }

  /**
   * Begins an epoch: increments the durable counter, refuses when state and log contradict each other, draws
   * the epoch key and has the anchor sign for it. Throws LctKeysError `key-…`, `anchor-mismatch`,
   * `state-corrupt`, `state-rolled-back`, `log-rolled-back`, `log-forked`, `signer-superseded`.
   */
  static open(options: SoftwareSignerOptions): Promise<SoftwareSigner> {
    return openSoftwareSigner(options, stateFilesIn(options.directory));
  }

  identity(): SignerIdentity {
    const { document, epoch } = this.#parts;
    const { lct, origin, binding } = document;
    const { publicKey, state } = epoch;
    return { lct, origin, binding, epoch: epoch.epoch, publicKey, state };
  }

  get epochEvidence(): Uint8Array {
    return this.#parts.epoch.evidence;
  }

  get lastSigned(): TreeHead {
    return this.#last;
  }

  sign(...requests: readonly SignRequest[]): Promise<readonly string[]> {
    // the caller keeps its buffers: what is checked has to be what is signed
    const own = requests.map(({ size, root, consistency }) => ({
      size,
      root: new Uint8Array(root),
      consistency: consistency.map((hash) => new Uint8Array(hash)),
    }));
    return this.#inTurn(() => this.#sign(own));
  }

  ocmf(day: OcmfDay): Promise<string> {
    const root = new Uint8Array(day.root);
    return this.#inTurn(() => {
      if (this.#stopped !== undefined) throw this.#stopped;
      return signDay(this.#parts, { ...day, root });
    });
  }

  async close(): Promise<void> {
    await this.#inTurn(async () => {
      this.#stop(new LctKeysError("signer-closed", "the signer is closed"));
    });
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(task);
    this.#queue = result.catch(() => undefined);
    return result;
  }

  #stop(reason: LctKeysError): LctKeysError {
    this.#stopped = reason;
    this.#parts.key.dispose();
    return reason;
  }

  async #sign(requests: readonly SignRequest[]): Promise<readonly string[]> {
    if (this.#stopped !== undefined) throw this.#stopped;
    this.#requireInForce();
    let last = this.#last;
    for (const request of requests) {
      this.#judge(request, last);
      last = { size: request.size, root: request.root };
    }
    if (last.size > this.#last.size) await this.#persist(last);
    return requests.map((head) => this.#noteOf(head));
  }

  /** Ed25519 is deterministic (RFC 8032 §5.1.6): the same head gives the same note. */
  #noteOf({ size, root }: TreeHead): string {
    const { key, document } = this.#parts;
    return signCheckpoint(
      { size, root },
      { name: document.origin, publicKey: key.publicKey, sign: (bytes) => key.sign(bytes) },
    );
  }

  #requireInForce(): void {
    const { clock, epoch } = this.#parts;
    if (clock.now() <= epoch.expiresAt) return;
    throw new LctKeysError(
      "epoch-expired",
      `epoch ${epoch.epoch} ended at ${epoch.expiresAt}; a new one has to begin`,
    );
  }

  /** Throws unless the head may be signed after `last`: it extends it, or is the same. */
  #judge({ size, root, consistency }: SignRequest, last: TreeHead): void {
    const least = Math.max(last.size, this.#parts.epoch.treeSize + 1);
    if (size < least) {
      throw new LctKeysError("sign-smaller", `size ${size} is below ${least}, the least to sign`);
    }
    if (size === last.size && !bytesEqual(root, last.root)) {
      throw new LctKeysError("sign-forked", `size ${size} was signed with another root`);
    }
    try {
      verifyConsistency({
        size1: last.size,
        root1: last.root,
        size2: size,
        root2: root,
        proof: consistency,
      });
    } catch (cause) {
      throw new LctKeysError(
        "sign-inconsistent",
        `size ${size} is not proven to extend ${last.size}: ${messageOf(cause)}`,
        { cause },
      );
    }
  }

  /** Nothing leaves before the head is durable; after a failed write the disk's word is unknown, so this signer ends. */
  async #persist({ size, root }: TreeHead): Promise<void> {
    const { files, epoch, document } = this.#parts;
    let claimed: readonly number[];
    try {
      await files.write(
        epoch.epoch,
        encodeState({ lct: document.lct, epoch: epoch.epoch, size, root }),
      );
      claimed = await files.claimed();
    } catch (cause) {
      const problem = `the signer's state could not be written: ${messageOf(cause)}`;
      throw this.#stop(new LctKeysError("signer-faulted", problem, { cause }));
    }
    this.#last = { size, root };
    const later = claimed.find((counter) => counter > epoch.epoch);
    if (later === undefined) return;
    throw this.#stop(
      new LctKeysError("signer-superseded", `epoch ${later} began; epoch ${epoch.epoch} is over`),
    );
  }
}
