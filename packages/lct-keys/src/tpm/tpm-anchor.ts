/** The anchor in a TPM: every word of it is a transaction of its own, in sessions salted for the storage root on record. */
import { bytesEqual, DecodeError, sha256 } from "@wattseal/base";
import { DeviceHalf } from "@wattseal/device-keys";
import { type NvIndex, nvIncrement, nvReadCounter, sign, type Tpm } from "@wattseal/tpm2";
import { encodeNvPublic, p256Point, rawSignature } from "@wattseal/tpm2/verify";
import type { Anchor, AnchorHalf } from "../signer/anchor.js";
import { type AttestationStatement, attestSignedBytes } from "../verify/attestation.js";
import type { BootApproval } from "../verify/boot-approval.js";
import type { LctDocument } from "../verify/document.js";
import { LctKeysError } from "../verify/errors.js";
import { type EpochEvidence, epochSignedBytes } from "../verify/evidence.js";
import type { LctAttestation } from "../verify/lct-attestation.js";
import { type TpmAccess, transact } from "./access.js";
import { type BootVerdict, judgePresentBoot, readBoot } from "./boot.js";
import { certifyCounter, quotePcrs, statementOf } from "./claim.js";
import { openTpmIdentity, type TpmFolder } from "./folder.js";
import { openHalves, refusalText, sealHalf } from "./halves.js";
import type { TpmIdentity } from "./identity.js";
import { requireSameTpm } from "./same-tpm.js";
import {
  decodeSealedHalf,
  encodeSealedHalf,
  isSealedHalf,
  type SealedHalf,
  sealedHalfName,
} from "./sealed-half.js";

export interface TpmAnchorOptions extends TpmAccess {
  /** Holds the identity and the sealed halves. */
  readonly folder: TpmFolder;
  /** Verified; it commits to this identity. */
  readonly document: LctDocument;
  /** The boot approvals at hand, asked for anew at each use. */
  readonly approvals: () => Promise<readonly BootApproval[]>;
  /** True for a hardware TPM: each increment wears it. */
  readonly rationed: boolean;
}

/** What a document of version 2 commits to of this identity. */
export function attestationOf(identity: TpmIdentity): LctAttestation {
  const { attestationKey, counter, root, pcrs, boot } = identity;
  return {
    attestationKey: p256Point(attestationKey.publicArea),
    counter: encodeNvPublic(counter.publicArea),
    storage: root.name,
    pcrs,
    boot: boot && {
      updateKey: boot.updateKey,
      versionIndex: encodeNvPublic(boot.version.publicArea),
      base: boot.base,
    },
  };
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : bytesEqual(a, b);
}

function isAttestation(enrolled: LctAttestation | undefined, own: LctAttestation): boolean {
  return (
    enrolled !== undefined &&
    bytesEqual(enrolled.attestationKey, own.attestationKey) &&
    bytesEqual(enrolled.counter, own.counter) &&
    bytesEqual(enrolled.storage, own.storage) &&
    String(enrolled.pcrs) === String(own.pcrs) &&
    sameBytes(enrolled.boot?.updateKey, own.boot?.updateKey) &&
    sameBytes(enrolled.boot?.versionIndex, own.boot?.versionIndex) &&
    enrolled.boot?.base === own.boot?.base
  );
}

function requireDocument(identity: TpmIdentity, { anchor, attestation, lct }: LctDocument): void {
  const point = p256Point(identity.anchor.publicArea);
  const same = anchor.type === "p256" && bytesEqual(anchor.publicKey, point);
  if (same && isAttestation(attestation, attestationOf(identity))) return;
  throw new LctKeysError(
    "anchor-mismatch",
    `the identity in this folder is not what ${lct} was issued for: put the folder back that belongs to it, or enrol anew`,
  );
}

export class TpmAnchor implements Anchor {
  readonly publicKey: Uint8Array;
  readonly rationed: boolean;
  readonly counterBase: number;
  readonly #options: TpmAnchorOptions;
  readonly #identity: TpmIdentity;
  /** What the epoch was begun under. */
  #inForce: BootApproval | undefined;

  private constructor(options: TpmAnchorOptions, identity: TpmIdentity) {
    this.publicKey = p256Point(identity.anchor.publicArea);
    this.rationed = options.rationed;
    this.counterBase = identity.counterBase;
    this.#options = options;
    this.#identity = identity;
  }

  /**
   * The identity in the folder, in the TPM that it was made in. Throws LctKeysError `key-missing` (not provisioned, or
   * not to its end), `anchor-mismatch`, `tpm-cleared`, `tpm-replaced`; DecodeError for a damaged record; TpmError.
   */
  static async open(options: TpmAnchorOptions): Promise<TpmAnchor> {
    const identity = await openTpmIdentity(options.folder);
    if (identity === undefined) {
      const problem = "there is no identity in this folder, or making it was cut: provision it";
      throw new LctKeysError("key-missing", problem);
    }
    requireDocument(identity, options.document);
    await requireSameTpm(options, identity);
    return new TpmAnchor(options, identity);
  }

  counter(): Promise<number> {
    return this.#transact((tpm) => this.#read(tpm, this.#identity.counter));
  }

  increment(): Promise<number> {
    const { counter } = this.#identity;
    return this.#transact(async (tpm) => {
      await this.#raise(tpm, counter);
      return this.#read(tpm, counter);
    });
  }

  async attestEpoch(bodyBytes: Uint8Array): Promise<Omit<EpochEvidence, "body" | "bodyBytes">> {
    const stated = await this.#state(epochSignedBytes(bodyBytes));
    this.#inForce = stated.approval;
    return stated;
  }

  sign(message: Uint8Array): Promise<Uint8Array> {
    return this.#transact((tpm) => this.#sign(tpm, message));
  }

  attest(nonce: Uint8Array): Promise<AttestationStatement> {
    return this.#state(attestSignedBytes(nonce));
  }

  /** At most 100 increments, since nothing further ahead was taken as approved. */
  async confirmBoot(): Promise<void> {
    const { boot } = this.#identity;
    const approval = this.#inForce;
    if (boot === undefined || approval === undefined) return;
    const { version, base } = boot;
    await this.#transact(async (tpm) => {
      const from = await this.#read(tpm, version);
      for (let at = from; at < base + approval.version; at += 1) await this.#raise(tpm, version);
    });
  }

  async openHalves(): Promise<readonly AnchorHalf[]> {
    const { folder } = this.#options;
    const kept: (SealedHalf & { readonly reference: string })[] = [];
    const damaged: AnchorHalf[] = [];
    for (const reference of (await folder.names()).filter(isSealedHalf).sort()) {
      try {
        kept.push({ reference, ...decodeSealedHalf(await folder.read(reference)) });
      } catch (thrown) {
        if (!(thrown instanceof DecodeError)) throw thrown;
        const reason = refusalText("unreadable");
        damaged.push({ publicKey: undefined, reference, state: "refused", reason });
      }
    }
    const opened = await this.#transact(async (tpm) =>
      openHalves(tpm, this.#identity, await this.#judge(tpm), kept),
    );
    return [...opened, ...damaged];
  }

  async createHalf(): Promise<AnchorHalf & { readonly state: "open" }> {
    const half = DeviceHalf.generate(this.#options.entropy);
    const { publicKey } = half;
    const reference = sealedHalfName(publicKey);
    const sealed = await sealHalf(this.#options, this.#identity, half);
    await this.#options.folder.write(reference, encodeSealedHalf(sealed));
    return { publicKey, reference, state: "open", half };
  }

  close(): Promise<void> {
    this.#identity.auth.dispose();
    return Promise.resolve();
  }

  #transact<T>(work: (tpm: Tpm) => Promise<T>): Promise<T> {
    return transact(this.#options, this.#identity.root, work);
  }

  async #read(tpm: Tpm, index: NvIndex): Promise<number> {
    return Number(await nvReadCounter(tpm, { ...index, auth: this.#identity.auth }, index));
  }

  async #raise(tpm: Tpm, index: NvIndex): Promise<void> {
    await nvIncrement(tpm, { ...index, auth: this.#identity.auth }, index);
  }

  async #sign(tpm: Tpm, message: Uint8Array): Promise<Uint8Array> {
    const { anchor, auth } = this.#identity;
    return rawSignature(await sign(tpm, { ...anchor, auth }, sha256(message)));
  }

  async #judge(tpm: Tpm, quoted?: Uint8Array): Promise<BootVerdict> {
    const { boot, pcrs } = this.#identity;
    if (boot === undefined) return { refused: "approval-missing" };
    const pcrDigest = quoted ?? (await readBoot(tpm, pcrs)).pcrDigest;
    const version = await this.#read(tpm, boot.version);
    const { document, approvals } = this.#options;
    return judgePresentBoot(document, await approvals(), { pcrDigest, version });
  }

  /** The anchor's signature and the TPM's statements over these bytes, with the approval that fits what was quoted. */
  #state(signedBytes: Uint8Array): Promise<AttestationStatement> {
    const qualifyingData = sha256(signedBytes);
    return this.#transact(async (tpm) => {
      const signature = await this.#sign(tpm, signedBytes);
      const quoted = await quotePcrs(tpm, this.#identity, qualifyingData);
      const { counter } = this.#identity;
      const nvCertify = await certifyCounter(tpm, this.#identity, counter, qualifyingData);
      const verdict = await this.#judge(tpm, quoted.said.pcrDigest);
      const approval = "refused" in verdict ? undefined : verdict.approval;
      return { signature, quote: statementOf(quoted), nvCertify, approval };
    });
  }
}
