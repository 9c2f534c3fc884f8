/**
 * The authority's side of an enrolment: judges a request, draws a challenge, and signs the document of whoever meets it.
 * It keeps nothing and does no I/O: what has to be remembered between the two steps is handed to the caller.
 */
import { bytesEqual, type Entropy, type LctId, type Millis, millis, sha256 } from "@wattseal/base";
import { makeCredential, TpmError } from "@wattseal/tpm2";
import { signAuthorityPayload } from "../authority.js";
import type { Ed25519SecretKey } from "../keys/ed25519.js";
import { lctIdOf } from "../verify/document.js";
import { LctKeysError } from "../verify/errors.js";
import {
  type Binding,
  encodeGenesis,
  type LctClass,
  type LctGenesis,
  TRUST_CEILING_BPS,
} from "../verify/genesis.js";
import type { LctAttestation } from "../verify/lct-attestation.js";
import { type HardwareRoots, provenanceOf } from "./certificates.js";
import type { TpmClaim } from "./claim.js";
import { type ClaimedTpm, claimedTpm } from "./claimed-tpm.js";
import {
  decodeEnrolmentActivation,
  decodeEnrolmentRequest,
  type EnrolledKind,
  type EnrolmentRequest,
  encodeEnrolmentChallenge,
} from "./messages.js";
import { requireProven } from "./proof.js";

export interface RegistrarOptions {
  readonly authority: Ed25519SecretKey;
  readonly entropy: Entropy;
  /** None: every TPM counts as an emulated one. */
  readonly roots: HardwareRoots;
  /** Whose boot approvals an LCT of this authority may rest on: points of 65 bytes. */
  readonly updateKeys: readonly Uint8Array[] | "any";
  /** How long a challenge can be met, ms. Default 600,000. */
  readonly challengeMs?: number;
}

/** What the operator has decided before anyone asks. */
export interface EnrolmentGrant {
  readonly kind: EnrolledKind;
  /** Goes before the request's own. */
  readonly context: readonly string[];
  /** The LCT that the new one replaces. */
  readonly succeeds: LctId | undefined;
}

/** A challenge that is outstanding: to be kept by the caller until it is met or has expired. */
export interface PendingEnrolment {
  /** 16 bytes. */
  readonly id: Uint8Array;
  readonly lct: LctId;
  readonly expires: Millis;
  /** The request as it came. */
  readonly request: Uint8Array;
  /** The message for the applicant. */
  readonly challenge: Uint8Array;
  readonly salt: Uint8Array;
  readonly genesisBody: Uint8Array;
  readonly secretHash: Uint8Array | undefined;
  /** SHA-256 of the endorsement key, as its certificate has it: no claim can give one TPM two of them by this key. */
  readonly hardware: Uint8Array | undefined;
  /** Why the document says this binding and none above it. */
  readonly why: string;
}

export interface Enrolled {
  readonly lct: LctId;
  /** The LCT document, signed. */
  readonly document: Uint8Array;
  /** Of the PCRs in the document as they stood, by SHA-256; undefined without a TPM. */
  readonly pcrDigest: Uint8Array | undefined;
}

const CHALLENGE_MS = 600_000;
const SECRET_BYTES = 32;
const SALT_BYTES = 32;
const ID_BYTES = 16;
const CLASS: Readonly<Record<EnrolledKind, LctClass>> = {
  pack: "responsive",
  source: "responsive",
  society: "delegative",
  app: "agentic",
  person: "agentic",
  agent: "agentic",
};

interface Judged {
  readonly anchor: Uint8Array;
  readonly binding: Binding;
  readonly why: string;
  readonly tpm: { readonly claim: TpmClaim; readonly claimed: ClaimedTpm } | undefined;
}

export class Registrar {
  readonly #options: RegistrarOptions;

  constructor(options: RegistrarOptions) {
    this.#options = options;
  }

  /** Ed25519, 32 bytes: the issuer of what this signs. */
  get publicKey(): Uint8Array {
    return this.#options.authority.publicKey;
  }

  /**
   * Judges a request. Throws DecodeError, or LctKeysError `enrol-grant` (not what was granted), `enrol-key`,
   * `enrol-index`, `enrol-certificate`, `enrol-update-key`.
   */
  challenge(requestBytes: Uint8Array, grant: EnrolmentGrant, now: Millis): PendingEnrolment {
    const { entropy, challengeMs = CHALLENGE_MS } = this.#options;
    const request = decodeEnrolmentRequest(requestBytes);
    requireGranted(request, grant);
    const judged = this.#judge(request, now);
    const genesisBody = encodeGenesis(this.#genesisOf(request, grant, judged, now));
    const secret = judged.tpm && entropy.bytes(SECRET_BYTES);
    const challenge = {
      id: entropy.bytes(ID_BYTES),
      genesisBody,
      salt: entropy.bytes(SALT_BYTES),
      credential: secret && judged.tpm && this.#credential(judged.tpm.claimed, secret),
      expires: millis(now + challengeMs),
    };
    const secretHash = secret && sha256(secret);
    secret?.fill(0);
    return {
      ...challenge,
      lct: lctIdOf(genesisBody),
      request: new Uint8Array(requestBytes),
      challenge: encodeEnrolmentChallenge(challenge),
      secretHash,
      hardware: judged.tpm?.claimed.hardware,
      why: judged.why,
    };
  }

  /**
   * Signs the document of whoever has met the challenge. Throws DecodeError, or LctKeysError `enrol-challenge` (another
   * challenge's answer), `enrol-expired`, `enrol-proof`, `enrol-credential`, `enrol-statement`.
   */
  activate(pending: PendingEnrolment, activationBytes: Uint8Array, now: Millis): Enrolled {
    const activation = decodeEnrolmentActivation(activationBytes);
    if (!bytesEqual(activation.id, pending.id)) {
      throw new LctKeysError("enrol-challenge", "this answers another challenge");
    }
    if (now > pending.expires) {
      throw new LctKeysError("enrol-expired", "the challenge has expired: ask for another one");
    }
    const { claim } = decodeEnrolmentRequest(pending.request);
    const { pcrDigest } = requireProven({ ...pending, claim }, activation);
    const document = signAuthorityPayload(this.#options.authority, pending.genesisBody);
    return { lct: pending.lct, document, pcrDigest };
  }

  #judge({ claim }: EnrolmentRequest, now: Millis): Judged {
    if (claim.type === "software") {
      const why = "the anchor is in a file";
      return { anchor: claim.publicKey, binding: "software", why, tpm: undefined };
    }
    const claimed = claimedTpm(claim);
    const { boot } = claim;
    this.#requireUpdateKey(boot?.updateKey);
    const { area } = claimed.endorsement;
    const provenance = provenanceOf(area, claim.certificates, this.#options.roots, now);
    const measured = boot === undefined ? "tpm-unmeasured" : "tpm";
    return {
      anchor: claimed.anchorPoint,
      binding: provenance.hardware ? measured : "software",
      why: provenance.hardware ? `made by ${provenance.root}` : provenance.why,
      tpm: { claim, claimed },
    };
  }

  /** Whoever approves boots vouches for what this authority then calls attested. */
  #requireUpdateKey(updateKey: Uint8Array | undefined): void {
    const { updateKeys } = this.#options;
    if (updateKey === undefined || updateKeys === "any") return;
    if (updateKeys.some((accepted) => bytesEqual(accepted, updateKey))) return;
    throw new LctKeysError(
      "enrol-update-key",
      "the update key is none that this authority accepts: have it added, or enrol without a boot policy",
    );
  }

  #genesisOf(
    { kind, context, succeeds }: EnrolmentRequest,
    grant: EnrolmentGrant,
    { anchor, binding, tpm }: Judged,
    created: Millis,
  ): LctGenesis {
    return {
      kind,
      class: CLASS[kind],
      anchor: { type: "p256", publicKey: anchor },
      binding,
      strengthBps: TRUST_CEILING_BPS[binding],
      context: [...grant.context, ...context],
      issuer: { publicKey: this.publicKey, lct: undefined },
      created,
      witnesses: [],
      mrh: succeeds === undefined ? [] : [{ relation: "succeeds", lct: succeeds }],
      attestation: tpm && attestationOf(tpm.claim, tpm.claimed),
    };
  }

  #credential({ endorsement, attestationKey }: ClaimedTpm, secret: Uint8Array) {
    try {
      return makeCredential(endorsement.area, attestationKey.name, secret, this.#options.entropy);
    } catch (cause) {
      if (!(cause instanceof TpmError)) throw cause;
      throw new LctKeysError("enrol-key", `the endorsement key: ${cause.message}`, { cause });
    }
  }
}

function requireGranted(request: EnrolmentRequest, grant: EnrolmentGrant): void {
  const { kind, succeeds } = request;
  if (kind !== grant.kind) {
    throw new LctKeysError("enrol-grant", `a ${grant.kind} was granted, not a ${kind}`);
  }
  if (succeeds === grant.succeeds) return;
  const named = (lct: LctId | undefined) => (lct === undefined ? "no other LCT" : lct);
  throw new LctKeysError(
    "enrol-grant",
    `what was granted succeeds ${named(grant.succeeds)}, not ${named(succeeds)}`,
  );
}

/** What a genesis body says of a TPM. */
export function attestationOf(claim: TpmClaim, claimed: ClaimedTpm): LctAttestation {
  return {
    attestationKey: claimed.attestationPoint,
    counter: claim.counter,
    storage: claimed.storageRoot.name,
    pcrs: claim.pcrs,
    boot: claim.boot,
  };
}
