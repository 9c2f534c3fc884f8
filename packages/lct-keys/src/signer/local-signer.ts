/** The signer in the process that uses it, or within `wattseal signer`. */
import {
  bytesEqual,
  type Clock,
  type Entropy,
  type Logger,
  messageOf,
  RangeViolation,
} from "@wattseal/base";
import type { AttestationStatement } from "../verify/attestation.js";
import type { LctDocument } from "../verify/document.js";
import { LctKeysError } from "../verify/errors.js";
import type { OcmfDay } from "../verify/ocmf.js";
import { type AdoptionOptions, adoptLog, type Footing } from "./adopt.js";
import type { Anchor, AnchorHalf } from "./anchor.js";
import { anchorInTurn } from "./anchor-in-turn.js";
import { EpochSigner, type EpochSignerOptions } from "./epoch-signer.js";
import { HalvesInMemory } from "./halves.js";
import { signDay } from "./ocmf.js";
import type { EpochStart, HalfStatus, Signer, SignerService } from "./port.js";
import { smallFile } from "./small-file.js";
import { StartBucket } from "./start-bucket.js";
import { type StateFiles, stateFilesIn } from "./state-files.js";
import { Turns } from "./turns.js";

export interface LocalSignerOptions {
  /** Holds the durable state; of this signer alone. */
  readonly directory: string;
  /** Of `directory`; default: the disk's. */
  readonly files?: StateFiles | undefined;
  /** The signer's from here on: closed with it, or when it does not open. */
  readonly anchor: Anchor;
  /** Verified; its anchor is `anchor`. */
  readonly document: LctDocument;
  readonly entropy: Entropy;
  readonly softwareVersion: string;
  /** The machine's own, over its restarts: rations starts. */
  readonly clock: Clock;
  readonly logger: Logger;
}

const NONCE = { least: 16, most: 64 } as const;

export class LocalSigner implements SignerService {
  readonly #options: LocalSignerOptions;
  readonly #anchor: Anchor;
  readonly #halves: HalvesInMemory;
  readonly #epochOptions: EpochSignerOptions;
  readonly #turns = new Turns();
  #epoch: EpochSigner | undefined;

  private constructor(options: LocalSignerOptions, anchor: Anchor, halves: readonly AnchorHalf[]) {
    this.#options = options;
    this.#anchor = anchor;
    this.#halves = new HalvesInMemory(halves);
    const { files = stateFilesIn(options.directory) } = options;
    this.#epochOptions = {
      ...options,
      anchor,
      files,
      starts: startsOf(options),
      ocmf: (day) => this.ocmf(day),
      onFirst: () => void this.#confirmBoot(),
    };
  }

  /** Opens the device halves, each as far as it goes. Throws `anchor-mismatch`, and what the anchor throws. */
  static async open(options: LocalSignerOptions): Promise<LocalSigner> {
    const anchor = anchorInTurn(options.anchor);
    try {
      requireEnrolled(anchor, options.document);
      const signer = new LocalSigner(options, anchor, await anchor.openHalves());
      for (const half of signer.halves) {
        if (half.state === "open") continue;
        const { reference, reason } = half;
        options.logger.error("signer.half-refused", { half: reference, reason });
      }
      return signer;
    } catch (error) {
      await anchor.close();
      throw error;
    }
  }

  get halves(): readonly HalfStatus[] {
    return this.#halves.statuses;
  }

  async dh(own: Uint8Array, peer: Uint8Array): Promise<Uint8Array> {
    return this.#halves.dh(own, peer);
  }

  async createHalf(): Promise<HalfStatus> {
    this.#halves.requireRoom();
    return this.#halves.add(await this.#anchor.createHalf());
  }

  async attest(nonce: Uint8Array): Promise<AttestationStatement> {
    if (nonce.length < NONCE.least || nonce.length > NONCE.most) {
      throw new RangeViolation(`a nonce has ${NONCE.least} to ${NONCE.most} bytes`);
    }
    return this.#anchor.attest(new Uint8Array(nonce));
  }

  ocmf(day: OcmfDay): Promise<string> {
    const { directory, document } = this.#options;
    const own = { ...day, root: new Uint8Array(day.root) };
    return signDay({ directory, document, anchor: this.#anchor }, own);
  }

  async nextStartMs(): Promise<number | undefined> {
    return this.#epochOptions.starts?.nextStartMs();
  }

  /** See `adoptLog`. No epoch runs here. */
  adopt(copy: Pick<AdoptionOptions, "log" | "closed" | "word" | "dry">): Promise<Footing> {
    const { files, document } = this.#epochOptions;
    return this.#turns.run(() => adoptLog({ ...copy, files, document, anchor: this.#anchor }));
  }

  begin(start: EpochStart): Promise<Signer> {
    return this.#turns.run(async () => {
      await this.#endEpoch();
      this.#epoch = await EpochSigner.begin(this.#epochOptions, start);
      const { epoch, state } = this.#epoch.identity();
      this.#options.logger.info("signer.epoch", { epoch, state });
      return this.#epoch;
    });
  }

  /** The epoch's key is gone then; device halves stay. */
  endEpoch(): Promise<void> {
    return this.#turns.run(() => this.#endEpoch());
  }

  async close(): Promise<void> {
    await this.endEpoch();
    this.#halves.dispose();
    await this.#anchor.close();
  }

  async #endEpoch(): Promise<void> {
    await this.#epoch?.close();
    this.#epoch = undefined;
  }

  /** Behind the checkpoint, not before it. Where it fails, an older boot approval holds on until the next epoch. */
  async #confirmBoot(): Promise<void> {
    try {
      await this.#anchor.confirmBoot();
    } catch (error) {
      this.#options.logger.error("signer.boot-unconfirmed", { error: messageOf(error) });
    }
  }
}

function requireEnrolled({ publicKey }: Anchor, { anchor, lct }: LctDocument): void {
  if (anchor.type === "p256" && bytesEqual(anchor.publicKey, publicKey)) return;
  throw new LctKeysError("anchor-mismatch", `the signer's anchor is not that of ${lct}`);
}

function startsOf({ anchor, directory, clock }: LocalSignerOptions): StartBucket | undefined {
  return anchor.rationed ? new StartBucket(smallFile(directory, "starts"), clock) : undefined;
}
