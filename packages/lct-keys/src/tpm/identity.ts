/**
 * What is known of a gateway's identity in a TPM: `tpm.cbor`, beside `tpm.plan` while it is being made.
 *
 * Trust: the file holds the authorisation value of the keys, so whoever reads it and reaches the TPM can have epochs and
 * statements signed there, and advance its counters, for as long as he reaches it; he takes no key with him. Whoever
 * writes it can have another key used, which no LCT document names.
 */
import { type CborValue, Fields } from "@wattseal/base";
import {
  AuthValue,
  type NvIndex,
  nameOf,
  nvIndexOf,
  type Public,
  type SaltKey,
} from "@wattseal/tpm2";
import { decodeNvPublic, decodePublic, encodeNvPublic, encodePublic } from "@wattseal/tpm2/verify";
import { decodeChecked, encodeChecked } from "./checked.js";

/** Names, places and values of what was made in the TPM, and the value that authorises its use. */
export interface TpmIdentity {
  /** The endorsement key's public area, and its certificate (X.509, DER) where the TPM holds one. */
  readonly endorsement: Public;
  readonly certificate: Uint8Array | undefined;
  /** Storage root: parent of the anchor and of sealed halves, and salt of every session. */
  readonly root: SaltKey;
  readonly attestationKey: SaltKey;
  readonly anchor: SaltKey;
  readonly counter: NvIndex;
  /** The counter's first value: no epoch has it. */
  readonly counterBase: number;
  /** Of the SHA-256 bank: what quotes show and boot approvals speak of. Ascending. */
  readonly pcrs: readonly number[];
  readonly boot: TpmBootPolicy | undefined;
  /** Of keys and counters. */
  readonly auth: AuthValue;
}

export interface TpmBootPolicy {
  /** P-256, 65 bytes: approves boots. */
  readonly updateKey: Uint8Array;
  /** A counter at `base` plus the version of the last boot that was confirmed. */
  readonly version: NvIndex;
  readonly base: number;
}

/** What is decided before anything is made, so that a cut is taken up where it fell. */
export interface TpmPlan {
  /** In the templates of primary keys: these keys are this identity's alone. 32 bytes. */
  readonly unique: Uint8Array;
  /** 32 bytes. */
  readonly auth: Uint8Array;
  readonly pcrs: readonly number[];
  readonly updateKey: Uint8Array | undefined;
  readonly places: TpmPlaces;
  /** The anchor, once it is drawn: nobody could make it again. */
  readonly anchor: { readonly publicArea: Public; readonly privateArea: Uint8Array } | undefined;
}

/** Persistent handles and NV indices. */
export interface TpmPlaces {
  readonly root: number;
  readonly attestationKey: number;
  readonly anchor: number;
  readonly counter: number;
  readonly version: number;
}

const IDENTITY_TAG = "wattseal-tpm-1";
const PLAN_TAG = "wattseal-tpm-plan-1";
const SECRET = 32;
const POINT = 65;
const HANDLE = { least: 0x01000000, most: 0x81ffffff } as const;
const AREA = { least: 1, most: 1_024 } as const;
const PRIVATE = { least: 1, most: 1_536 } as const;
const CERTIFICATE = { least: 1, most: 4_096 } as const;
const COUNT = { least: 0, most: Number.MAX_SAFE_INTEGER } as const;
const PCRS = { least: 1, most: 24 } as const;
const PCR = { least: 0, most: 23 } as const;

/** Longest file of this format, bytes. */
export const MOST_IDENTITY_BYTES = 16_384;

function decodePcrs(value: CborValue | undefined, what: string): readonly number[] {
  const fields = new Fields(value, what, PCRS);
  const pcrs = fields.each((i) => fields.integer(i, `item ${i}`, PCR));
  if (pcrs.some((pcr, i) => pcr <= (pcrs[i - 1] ?? -1))) fields.fail("is not ascending");
  return pcrs;
}

const keyItem = ({ handle, publicArea }: SaltKey) => [handle, encodePublic(publicArea)];

function decodeKey(value: CborValue | undefined, what: string): SaltKey {
  const fields = new Fields(value, what, 2);
  const publicArea = decodePublic(fields.bytes(1, "public area", AREA));
  return { handle: fields.integer(0, "handle", HANDLE), name: nameOf(publicArea), publicArea };
}

const decodeIndex = (fields: Fields, at: number, name: string): NvIndex =>
  nvIndexOf(decodeNvPublic(fields.bytes(at, name, AREA)));

/** Throws DecodeError for what `decodeTpmIdentity` would not take. `auth` is the 32 bytes behind the identity's authorisation value. */
export function encodeTpmIdentity(
  identity: Omit<TpmIdentity, "auth">,
  auth: Uint8Array,
): Uint8Array {
  const { endorsement, certificate, root, attestationKey, anchor, counter, boot } = identity;
  const bytes = encodeChecked([
    IDENTITY_TAG,
    auth,
    encodePublic(endorsement),
    certificate ?? [],
    keyItem(root),
    keyItem(attestationKey),
    keyItem(anchor),
    [encodeNvPublic(counter.publicArea), identity.counterBase],
    [...identity.pcrs],
    boot === undefined ? [] : [boot.updateKey, encodeNvPublic(boot.version.publicArea), boot.base],
  ]);
  decodeTpmIdentity(bytes);
  return bytes;
}

function decodeBoot(value: CborValue | undefined): TpmBootPolicy {
  const fields = new Fields(value, "TPM identity, boot policy", 3);
  return {
    updateKey: fields.bytes(0, "update key", POINT),
    version: decodeIndex(fields, 1, "version counter"),
    base: fields.integer(2, "base", COUNT),
  };
}

/** Throws DecodeError. */
export function decodeTpmIdentity(bytes: Uint8Array): TpmIdentity {
  const what = "TPM identity";
  const fields = decodeChecked(bytes, { what, tag: IDENTITY_TAG, count: 10 });
  const counter = new Fields(fields.value(7), `${what}, counter`, 2);
  return {
    auth: new AuthValue(fields.bytes(1, "authorisation value", SECRET)),
    endorsement: decodePublic(fields.bytes(2, "endorsement key", AREA)),
    certificate: fields.absent(3) ? undefined : fields.bytes(3, "certificate", CERTIFICATE),
    root: decodeKey(fields.value(4), `${what}, storage root`),
    attestationKey: decodeKey(fields.value(5), `${what}, attestation key`),
    anchor: decodeKey(fields.value(6), `${what}, anchor`),
    counter: decodeIndex(counter, 0, "index"),
    counterBase: counter.integer(1, "first value", COUNT),
    pcrs: decodePcrs(fields.value(8), `${what}, PCRs`),
    boot: fields.absent(9) ? undefined : decodeBoot(fields.value(9)),
  };
}

/** Throws DecodeError for what `decodeTpmPlan` would not take. */
export function encodeTpmPlan(plan: TpmPlan): Uint8Array {
  const { root, attestationKey, anchor, counter, version } = plan.places;
  const bytes = encodeChecked([
    PLAN_TAG,
    plan.unique,
    plan.auth,
    [...plan.pcrs],
    plan.updateKey ?? [],
    [root, attestationKey, anchor, counter, version],
    plan.anchor === undefined
      ? []
      : [encodePublic(plan.anchor.publicArea), plan.anchor.privateArea],
  ]);
  decodeTpmPlan(bytes);
  return bytes;
}

function decodePlaces(value: CborValue | undefined): TpmPlaces {
  const fields = new Fields(value, "TPM plan, places", 5);
  return {
    root: fields.integer(0, "storage root", HANDLE),
    attestationKey: fields.integer(1, "attestation key", HANDLE),
    anchor: fields.integer(2, "anchor", HANDLE),
    counter: fields.integer(3, "counter", HANDLE),
    version: fields.integer(4, "version counter", HANDLE),
  };
}

function decodeAnchorBlob(value: CborValue | undefined): TpmPlan["anchor"] {
  const fields = new Fields(value, "TPM plan, anchor", 2);
  return {
    publicArea: decodePublic(fields.bytes(0, "public area", AREA)),
    privateArea: fields.bytes(1, "private area", PRIVATE),
  };
}

/** Throws DecodeError. */
export function decodeTpmPlan(bytes: Uint8Array): TpmPlan {
  const fields = decodeChecked(bytes, { what: "TPM plan", tag: PLAN_TAG, count: 7 });
  return {
    unique: fields.bytes(1, "unique", SECRET),
    auth: fields.bytes(2, "authorisation value", SECRET),
    pcrs: decodePcrs(fields.value(3), "TPM plan, PCRs"),
    updateKey: fields.absent(4) ? undefined : fields.bytes(4, "update key", POINT),
    places: decodePlaces(fields.value(5)),
    anchor: fields.absent(6) ? undefined : decodeAnchorBlob(fields.value(6)),
  };
}
