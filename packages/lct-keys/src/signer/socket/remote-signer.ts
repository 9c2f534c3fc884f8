/** The signer in a process of its own, as its client sees it: the same port, over a unix socket. */
import type { Clock, LctId } from "@wattseal/base";
import type { AttestationStatement } from "../../verify/attestation.js";
import { EPOCH_MAX_AGE_MS } from "../../verify/epoch.js";
import { LctKeysError } from "../../verify/errors.js";
import { decodeEpochEvidence } from "../../verify/evidence.js";
import type { OcmfDay } from "../../verify/ocmf.js";
import type {
  EpochStart,
  HalfStatus,
  Signer,
  SignerIdentity,
  SignerService,
  SignRequest,
  TreeHead,
} from "../port.js";
import { Turns } from "../turns.js";
import { Link, type LinkOptions } from "./link.js";
import {
  type BegunIdentity,
  decodeAttestation,
  decodeHalf,
  decodeIdentity,
  decodeNextStart,
  decodeNotes,
  decodeRecord,
  decodeSecret,
} from "./replies.js";

export interface RemoteSignerOptions extends LinkOptions {
  /** Whom the signer has to speak for. */
  readonly lct: LctId;
}

/**
 * Connects when it is asked something and no connection is there: a signer that was away is found again, and its epoch
 * is another one. Throws, beside what the port names: `signer-unreachable`, `signer-busy`, `signer-token`, `rate-limited`.
 */
export class RemoteSigner implements SignerService {
  readonly #options: RemoteSignerOptions;
  readonly #connecting = new Turns();
  #link: Link | undefined;
  #halves: readonly HalfStatus[] | undefined;
  #closed = false;

  /** Connects at the first call. */
  constructor(options: RemoteSignerOptions) {
    this.#options = options;
  }

  /** Throws where no signer is there, or it does not admit us. */
  async connect(): Promise<void> {
    await this.#linked();
  }

  get halves(): readonly HalfStatus[] | undefined {
    return this.#halves;
  }

  async dh(own: Uint8Array, peer: Uint8Array): Promise<Uint8Array> {
    const link = await this.#linked();
    return decodeSecret(await link.call({ call: "dh", own, peer }));
  }

  async createHalf(): Promise<HalfStatus> {
    const link = await this.#linked();
    const half = decodeHalf(await link.call({ call: "half" }));
    this.#halves = [...(this.#halves ?? []), half];
    return half;
  }

  async attest(nonce: Uint8Array): Promise<AttestationStatement> {
    const link = await this.#linked();
    return decodeAttestation(await link.call({ call: "attest", nonce }));
  }

  async ocmf(day: OcmfDay): Promise<string> {
    const link = await this.#linked();
    return decodeRecord(await link.call({ call: "ocmf", day }));
  }

  async nextStartMs(): Promise<number | undefined> {
    const link = await this.#linked();
    return decodeNextStart(await link.call({ call: "starts" }));
  }

  async begin({ log, clock, synchronised }: EpochStart): Promise<Signer> {
    const link = await this.#linked();
    const root = new Uint8Array(log.root);
    const { size, lastCounter, bootVersion, head, receipt } = log;
    const time = clock.now();
    const asked = { size, root, lastCounter, bootVersion, head, receipt, time, synchronised };
    const result = await link.call({ call: "identity", log: asked }, async (from, to) =>
      log.consistencyProof(from, to),
    );
    const identity = decodeIdentity(result, this.#options.lct);
    return new RemoteEpoch({ link, clock, identity, continued: { size, root } }, this);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#link?.close();
  }

  #linked(): Promise<Link> {
    return this.#connecting.run(async () => {
      if (this.#closed) throw new LctKeysError("signer-closed", "the signer is closed");
      if (this.#link?.open) return this.#link;
      const link = await Link.open(this.#options);
      this.#link = link;
      this.#halves = link.halves;
      return link;
    });
  }
}

interface EpochParts {
  readonly link: Link;
  readonly clock: Clock;
  readonly identity: BegunIdentity;
  readonly continued: TreeHead;
}

/** Bound to its connection: the signer forgets the epoch's key when that ends. */
class RemoteEpoch implements Signer {
  readonly #parts: EpochParts;
  readonly #service: RemoteSigner;
  readonly #turns = new Turns();
  readonly #expiresAt: number;
  #last: TreeHead;
  #closed = false;

  constructor(parts: EpochParts, service: RemoteSigner) {
    this.#parts = parts;
    this.#service = service;
    this.#last = parts.continued;
    this.#expiresAt = decodeEpochEvidence(parts.identity.evidence).body.time + EPOCH_MAX_AGE_MS;
  }

  identity(): SignerIdentity {
    const { evidence: _, ...identity } = this.#parts.identity;
    return identity;
  }

  get epochEvidence(): Uint8Array {
    return this.#parts.identity.evidence;
  }

  get lastSigned(): TreeHead {
    return this.#last;
  }

  sign(...requests: readonly SignRequest[]): Promise<readonly string[]> {
    const heads = requests.map(({ size, root, consistency }) => {
      return {
        size,
        root: new Uint8Array(root),
        consistency: consistency.map((hash) => new Uint8Array(hash)),
      };
    });
    return this.#turns.run(() => this.#sign(heads));
  }

  async ocmf(day: OcmfDay): Promise<string> {
    this.#requireOpen();
    return this.#service.ocmf(day);
  }

  async nextStartMs(): Promise<number | undefined> {
    this.#requireOpen();
    return this.#service.nextStartMs();
  }

  /** The signer forgets the key when the next epoch begins, or the connection ends. */
  async close(): Promise<void> {
    await this.#turns.run(async () => {
      this.#closed = true;
    });
  }

  async #sign(heads: readonly SignRequest[]): Promise<readonly string[]> {
    this.#requireOpen();
    const { clock, link, identity } = this.#parts;
    // The log's own clock may have been set where the signer's cannot see it.
    if (clock.now() > this.#expiresAt) {
      throw new LctKeysError(
        "epoch-expired",
        `epoch ${identity.epoch} ended at ${this.#expiresAt}; a new one has to begin`,
      );
    }
    const last = heads.at(-1);
    if (last === undefined) return [];
    const stated = heads.find(({ size }) => !Number.isSafeInteger(size) || Object.is(size, -0));
    if (stated !== undefined) {
      throw new LctKeysError("sign-inconsistent", `${stated.size} is no size of a tree`);
    }
    const notes = decodeNotes(await link.call({ call: "sign", heads }), heads.length);
    this.#last = { size: last.size, root: last.root };
    return notes;
  }

  #requireOpen(): void {
    if (this.#closed) throw new LctKeysError("signer-closed", "the epoch is over");
  }
}
