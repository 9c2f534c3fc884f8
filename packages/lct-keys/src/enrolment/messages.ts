/**
 * The four messages of an enrolment: deterministic CBOR arrays, each with a tag of its own (docs/registry.md,
 * Messages). Request → challenge → activation → result.
 */
import {
  type Bounds,
  type CborValue,
  concatBytes,
  DecodeError,
  decodeCbor,
  encodeCbor,
  Fields,
  type LctId,
  type Millis,
  sha256,
  utf8,
} from "@wattseal/base";
import { lctIdOf } from "../verify/document.js";
import type { LctKind } from "../verify/genesis.js";
import {
  claimItem,
  type EnrolmentClaim,
  type EnrolmentProof,
  proofItem,
  readClaim,
  readProof,
} from "./claim.js";

/** Whoever has an anchor that signs. Modules are paired, policies are signed: neither is enrolled. */
export const ENROLLED_KINDS = [
  "pack",
  "app",
  "person",
  "society",
  "source",
  "agent",
] as const satisfies readonly LctKind[];
export type EnrolledKind = (typeof ENROLLED_KINDS)[number];

export interface EnrolmentRequest {
  readonly kind: EnrolledKind;
  /** Where it belongs, such as its fleet; a token's own context goes before it. */
  readonly context: readonly string[];
  readonly claim: EnrolmentClaim;
  /** The LCT whose board this one replaces. */
  readonly succeeds: LctId | undefined;
}

export interface EnrolmentChallenge {
  /** 16 bytes. */
  readonly id: Uint8Array;
  readonly lct: LctId;
  /** What the authority is going to sign. */
  readonly genesisBody: Uint8Array;
  /** 32 bytes. */
  readonly salt: Uint8Array;
  /** For the TPM that has both the endorsement key and the attestation key; none for a software anchor. */
  readonly credential: { readonly blob: Uint8Array; readonly secret: Uint8Array } | undefined;
  readonly expires: Millis;
}

export interface EnrolmentActivation {
  readonly id: Uint8Array;
  readonly proof: EnrolmentProof;
}

export interface EnrolmentResult {
  /** The LCT document. */
  readonly document: Uint8Array;
  /** The authority's statement that it is active. */
  readonly status: Uint8Array;
}

/** Bytes of a message, at most. */
export const MAX_ENROLMENT_BYTES = 32_768;

const SIGNED_PREFIX = utf8("wattseal-enrol-1");
const TAG = {
  request: "wattseal-enrol-request-1",
  challenge: "wattseal-enrol-challenge-1",
  activation: "wattseal-enrol-activation-1",
  result: "wattseal-enrol-result-1",
} as const;
const ID = 16;
const SALT = 32;
const CONTEXT: Bounds = { least: 0, most: 16 };
const TEXT: Bounds = { least: 1, most: 256 };
const GENESIS: Bounds = { least: 1, most: 12_288 };
const DOCUMENT: Bounds = { least: 1, most: 12_288 };
const STATUS: Bounds = { least: 1, most: 1_024 };
const BLOB: Bounds = { least: 1, most: 256 };
const ENCRYPTED_SECRET: Bounds = { least: 1, most: 512 };

/**
 * What the proof is over, as the anchor of a software claim signs it; a TPM's statements are qualified by its
 * SHA-256. The nonce commits to the document that is asked for, so that a proof serves for no other one.
 */
export function enrolmentSignedBytes(
  challenge: Pick<EnrolmentChallenge, "salt" | "genesisBody">,
): Uint8Array {
  return concatBytes(SIGNED_PREFIX, sha256(concatBytes(challenge.salt, challenge.genesisBody)));
}

function fieldsOf(bytes: Uint8Array, tag: string, what: string, count: number): Fields {
  if (bytes.length > MAX_ENROLMENT_BYTES) {
    throw new DecodeError(what, MAX_ENROLMENT_BYTES, `has ${bytes.length} bytes`);
  }
  const fields = new Fields(decodeCbor(bytes, { what }), what, count);
  fields.oneOf(0, "version tag", [tag]);
  return fields;
}

/** Throws DecodeError for what `decodeEnrolmentRequest` would not take. */
export function encodeEnrolmentRequest(request: EnrolmentRequest): Uint8Array {
  const { kind, context, claim, succeeds } = request;
  const bytes = encodeCbor([TAG.request, kind, context, claimItem(claim), succeeds ?? []]);
  decodeEnrolmentRequest(bytes);
  return bytes;
}

/** Throws DecodeError. */
export function decodeEnrolmentRequest(bytes: Uint8Array): EnrolmentRequest {
  const fields = fieldsOf(bytes, TAG.request, "enrolment request", 5);
  const context = new Fields(fields.value(2), "context of an enrolment request", CONTEXT);
  return {
    kind: fields.oneOf(1, "kind", ENROLLED_KINDS),
    context: context.each((i) => context.text(i, `item ${i}`, TEXT)),
    claim: readClaim(fields.value(3)),
    succeeds: fields.absent(4) ? undefined : fields.lct(4, "predecessor"),
  };
}

/** Throws DecodeError for what `decodeEnrolmentChallenge` would not take. */
export function encodeEnrolmentChallenge(challenge: Omit<EnrolmentChallenge, "lct">): Uint8Array {
  const { id, genesisBody, salt, credential, expires } = challenge;
  const secret: CborValue = credential === undefined ? [] : [credential.blob, credential.secret];
  const bytes = encodeCbor([TAG.challenge, id, genesisBody, salt, secret, expires]);
  decodeEnrolmentChallenge(bytes);
  return bytes;
}

/** Throws DecodeError. */
export function decodeEnrolmentChallenge(bytes: Uint8Array): EnrolmentChallenge {
  const fields = fieldsOf(bytes, TAG.challenge, "enrolment challenge", 6);
  const genesisBody = fields.bytes(2, "genesis body", GENESIS);
  return {
    id: fields.bytes(1, "id", ID),
    lct: lctIdOf(genesisBody),
    genesisBody,
    salt: fields.bytes(3, "salt", SALT),
    credential: fields.absent(4) ? undefined : readCredential(fields.value(4)),
    expires: fields.millis(5, "expiry"),
  };
}

function readCredential(value: CborValue | undefined) {
  const fields = new Fields(value, "credential", 2);
  return {
    blob: fields.bytes(0, "blob", BLOB),
    secret: fields.bytes(1, "encrypted secret", ENCRYPTED_SECRET),
  };
}

/** Throws DecodeError for what `decodeEnrolmentActivation` would not take. */
export function encodeEnrolmentActivation({ id, proof }: EnrolmentActivation): Uint8Array {
  const bytes = encodeCbor([TAG.activation, id, proofItem(proof)]);
  decodeEnrolmentActivation(bytes);
  return bytes;
}

/** Throws DecodeError. */
export function decodeEnrolmentActivation(bytes: Uint8Array): EnrolmentActivation {
  const fields = fieldsOf(bytes, TAG.activation, "enrolment activation", 3);
  return { id: fields.bytes(1, "id", ID), proof: readProof(fields.value(2)) };
}

/** Throws DecodeError for what `decodeEnrolmentResult` would not take. */
export function encodeEnrolmentResult({ document, status }: EnrolmentResult): Uint8Array {
  const bytes = encodeCbor([TAG.result, document, status]);
  decodeEnrolmentResult(bytes);
  return bytes;
}

/** Nothing is verified: the caller checks the document against the authorities that it trusts. Throws DecodeError. */
export function decodeEnrolmentResult(bytes: Uint8Array): EnrolmentResult {
  const fields = fieldsOf(bytes, TAG.result, "enrolment result", 3);
  return {
    document: fields.bytes(1, "document", DOCUMENT),
    status: fields.bytes(2, "status", STATUS),
  };
}
