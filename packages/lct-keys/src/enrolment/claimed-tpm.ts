/** What a TPM's claim shows, held to what an LCT needs of it: kinds of keys, their attributes, and counters that only count. */
import { concatBytes, DecodeError, sha256 } from "@wattseal/base";
import {
  ALG,
  decodeNvPublic,
  decodePublic,
  type EccPublic,
  indexName,
  NV,
  type NvPublic,
  OBJECT,
  objectName,
  type Public,
  p256Point,
  TpmError,
} from "@wattseal/tpm2/verify";
import { LctKeysError } from "../verify/errors.js";
import type { TpmClaim } from "./claim.js";

/** Public area and Name, recomputed. */
interface Named<T> {
  readonly area: T;
  readonly name: Uint8Array;
}

export interface ClaimedTpm {
  readonly endorsement: Named<Public>;
  /** SHA-256 of the endorsement key itself, 32 bytes: nothing certifies the rest of its public area. */
  readonly hardware: Uint8Array;
  readonly storageRoot: Named<Public>;
  readonly attestationKey: Named<EccPublic>;
  readonly anchor: Named<EccPublic>;
  readonly counter: Named<NvPublic>;
  readonly version: Named<NvPublic> | undefined;
  /** 65 bytes each. */
  readonly attestationPoint: Uint8Array;
  readonly anchorPoint: Uint8Array;
}

interface Role {
  readonly what: string;
  readonly needs: number;
  readonly bars: number;
}

/** Made in this TPM, and never to leave it. */
const RESIDENT = OBJECT.fixedTpm | OBJECT.fixedParent | OBJECT.sensitiveDataOrigin;
/** Used unattended: a power cut counts as a wrong guess for keys without noDA (Part 1 §19.8). */
const UNATTENDED = RESIDENT | OBJECT.noDa;

const ENDORSEMENT: Role = {
  what: "endorsement key",
  needs: RESIDENT | OBJECT.restricted | OBJECT.decrypt,
  bars: OBJECT.sign,
};
const STORAGE: Role = {
  what: "storage root",
  needs: UNATTENDED | OBJECT.restricted | OBJECT.decrypt,
  bars: OBJECT.sign,
};
const ATTESTATION: Role = {
  what: "attestation key",
  needs: UNATTENDED | OBJECT.restricted | OBJECT.sign,
  bars: OBJECT.decrypt,
};
const ANCHOR: Role = {
  what: "anchor",
  needs: UNATTENDED | OBJECT.sign,
  bars: OBJECT.decrypt | OBJECT.restricted,
};

const COUNTER_BYTES = 8;
const LEAST_RSA_BITS = 2_048;
/** Whatever else an index may be: orderly counters skip, cleared ones start anew, written ones are no counters. */
const COUNTER_NEEDS = NV.counter | NV.written | NV.noDa;
const COUNTER_MAY =
  COUNTER_NEEDS |
  NV.ownerWrite |
  NV.authWrite |
  NV.ownerRead |
  NV.authRead |
  NV.policyRead |
  NV.ppRead;

function refuse(code: "enrol-key" | "enrol-index", problem: string): never {
  throw new LctKeysError(code, problem);
}

/** Throws LctKeysError `enrol-key`, `enrol-index`: what is claimed would be no anchor of an LCT, whoever vouches for it. */
export function claimedTpm(claim: TpmClaim): ClaimedTpm {
  const endorsement = keyOf(claim.endorsementKey, ENDORSEMENT);
  requireEndorsement(endorsement.area);
  const storageRoot = onP256(keyOf(claim.storageRoot, STORAGE), STORAGE);
  const attestationKey = onP256(keyOf(claim.attestationKey, ATTESTATION), ATTESTATION);
  const anchor = onP256(keyOf(claim.anchor, ANCHOR), ANCHOR);
  requireEcdsa(attestationKey.area, ATTESTATION);
  requireEcdsa(anchor.area, ANCHOR);
  const counter = counterOf(claim.counter, "epoch counter");
  const version = claim.boot && counterOf(claim.boot.versionIndex, "version counter");
  if (version !== undefined && version.area.index === counter.area.index) {
    refuse("enrol-index", "epochs and boot versions are counted by one index");
  }
  return {
    endorsement,
    hardware: hardwareOf(endorsement.area),
    storageRoot,
    attestationKey,
    anchor,
    counter,
    version,
    attestationPoint: pointOf(attestationKey.area, ATTESTATION),
    anchorPoint: pointOf(anchor.area, ANCHOR),
  };
}

function keyOf(bytes: Uint8Array, { what, needs, bars }: Role): Named<Public> {
  const key = naming("enrol-key", what, () => {
    const area = decodePublic(bytes);
    return { area, name: objectName(area) };
  });
  const { attributes } = key.area;
  const missing = namesOf(needs & ~attributes);
  const barred = namesOf(bars & attributes);
  if (missing.length > 0) refuse("enrol-key", `the ${what} is not ${missing.join(", not ")}`);
  if (barred.length > 0) refuse("enrol-key", `the ${what} must not be ${barred.join(" or ")}`);
  return key;
}

function namesOf(attributes: number): readonly string[] {
  return Object.entries(OBJECT).flatMap(([name, bit]) => ((attributes & bit) === 0 ? [] : [name]));
}

function requireEndorsement(area: Public): void {
  const fits = area.type === "ecc" || (area.type === "rsa" && area.keyBits >= LEAST_RSA_BITS);
  if (!fits || area.symmetric === undefined) {
    refuse("enrol-key", "the endorsement key is neither P-256 nor RSA of 2048 bits, with a cipher");
  }
  if (area.type === "ecc") pointOf(area, ENDORSEMENT);
}

/** Of the modulus without leading zeros, or of the point: what a certificate says, whatever the claim says beside it. */
function hardwareOf(area: Public): Uint8Array {
  if (area.type !== "rsa") return sha256(pointOf(area, ENDORSEMENT));
  const first = area.modulus.findIndex((byte) => byte !== 0);
  return sha256(concatBytes(area.modulus.subarray(Math.max(0, first))));
}

function onP256({ area, name }: Named<Public>, role: Role): Named<EccPublic> {
  pointOf(area, role);
  if (area.type !== "ecc") return refuse("enrol-key", `the ${role.what} is not on P-256`);
  return { area, name };
}

function pointOf(area: Public, { what }: Role): Uint8Array {
  return naming("enrol-key", what, () => p256Point(area));
}

/** The key's own scheme, or whatever it is asked for: then it is asked for this one. */
function requireEcdsa({ scheme }: EccPublic, { what }: Role): void {
  if (scheme === undefined && what === ANCHOR.what) return;
  if (scheme?.scheme === ALG.ecdsa && scheme.hash === ALG.sha256) return;
  refuse("enrol-key", `the ${what} does not sign by ECDSA with SHA-256`);
}

function counterOf(bytes: Uint8Array, what: string): Named<NvPublic> {
  const index = naming("enrol-index", what, () => {
    const area = decodeNvPublic(bytes);
    return { area, name: indexName(area) };
  });
  const { attributes, size } = index.area;
  if ((attributes & NV.typeMask) !== NV.counter || size !== COUNTER_BYTES) {
    refuse("enrol-index", `the ${what} is no counter`);
  }
  if ((attributes & COUNTER_NEEDS) !== COUNTER_NEEDS) {
    refuse("enrol-index", `the ${what} is not written, or not noDA`);
  }
  if ((attributes & ~COUNTER_MAY) !== 0) {
    refuse("enrol-index", `the ${what} has attributes beside a counter's`);
  }
  return index;
}

function naming<T>(code: "enrol-key" | "enrol-index", what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof DecodeError || cause instanceof TpmError)) throw cause;
    throw new LctKeysError(code, `the ${what} is not to be used: ${cause.message}`, { cause });
  }
}
