/** Signs the checkpoints of one epoch, and none that does not extend the last. */
import { bytesEqual, type Clock, messageOf } from "@wattseal/base";
import { signCheckpoint, verifyConsistency } from "@wattseal/tlog";
import { LctKeysError } from "../verify/errors.js";
import type { OcmfDay } from "../verify/ocmf.js";
import { type BegunEpoch, beginEpoch, type EpochSetting } from "./epoch-begin.js";
import type {
  EpochStart,
  OcmfSigner,
  Signer,
  SignerIdentity,
  SignRequest,
  TreeHead,
} from "./port.js";
import { encodeState } from "./state.js";
import { Turns } from "./turns.js";

export interface EpochSignerOptions extends EpochSetting, OcmfSigner {
  /** The epoch's first checkpoint has been signed. */
  readonly onFirst: () => void;
}

export class EpochSigner implements Signer {
  readonly #options: EpochSignerOptions;
  readonly #begun: BegunEpoch;
  readonly #clock: Clock;
  readonly #turns = new Turns();
  #last: TreeHead;
  #first = true;
  #stopped: LctKeysError | undefined;

  private constructor(options: EpochSignerOptions, begun: BegunEpoch, clock: Clock) {
    this.#options = options;
    this.#begun = begun;
    this.#clock = clock;
    this.#last = { size: begun.epoch.treeSize, root: begun.epoch.treeRoot };
  }

  /**
   * Claims the next epoch, refuses when state, counter and log contradict each other, draws the epoch key and has
   * the anchor sign for it. Throws LctKeysError `key-…`, `state-corrupt`, `state-rolled-back`, `counter-rolled-back`,
   * `log-rolled-back`, `log-forked`, `signer-superseded`, `epoch-rationed`, and what the anchor throws.
   */
  static async begin(options: EpochSignerOptions, start: EpochStart): Promise<EpochSigner> {
    const log = { ...start.log, root: new Uint8Array(start.log.root) };
    return new EpochSigner(options, await beginEpoch(options, { ...start, log }), start.clock);
  }

  identity(): SignerIdentity {
    const { document } = this.#options;
    const { epoch } = this.#begun;
    const { lct, origin, binding } = document;
    const { publicKey, state } = epoch;
    return { lct, origin, binding, epoch: epoch.epoch, publicKey, state };
  }

  get epochEvidence(): Uint8Array {
    return this.#begun.epoch.evidence;
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
    return this.#turns.run(() => this.#sign(own));
  }

  async ocmf(day: OcmfDay): Promise<string> {
    if (this.#stopped !== undefined) throw this.#stopped;
    return this.#options.ocmf(day);
  }

  async nextStartMs(): Promise<number | undefined> {
    if (this.#stopped !== undefined) throw this.#stopped;
    return this.#options.starts?.nextStartMs();
  }

  async close(): Promise<void> {
    await this.#turns.run(async () => {
      this.#stop(new LctKeysError("signer-closed", "the epoch is over"));
    });
  }

  #stop(reason: LctKeysError): LctKeysError {
    this.#stopped = reason;
    this.#begun.key.dispose();
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
    const notes = requests.map((head) => this.#noteOf(head));
    if (this.#first && notes.length > 0) {
      this.#first = false;
      this.#options.onFirst();
    }
    return notes;
  }

  /** Ed25519 is deterministic (RFC 8032 §5.1.6): the same head gives the same note. */
  #noteOf({ size, root }: TreeHead): string {
    const { document } = this.#options;
    const { key } = this.#begun;
    return signCheckpoint(
      { size, root },
      { name: document.origin, publicKey: key.publicKey, sign: (bytes) => key.sign(bytes) },
    );
  }

  #requireInForce(): void {
    const { epoch } = this.#begun;
    if (this.#clock.now() <= epoch.expiresAt) return;
    throw new LctKeysError(
      "epoch-expired",
      `epoch ${epoch.epoch} ended at ${epoch.expiresAt}; a new one has to begin`,
    );
  }

  /** Throws unless the head may be signed after `last`: it extends it, or is the same. */
  #judge({ size, root, consistency }: SignRequest, last: TreeHead): void {
    const least = Math.max(last.size, this.#begun.epoch.treeSize + 1);
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
    const { files, document } = this.#options;
    const { epoch } = this.#begun;
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
