/** COSE_Sign1 (RFC 9052 §4.2), tagged, with `alg` and `kid` protected and nothing unprotected: one encoding per signed object. */
import { concatBytes } from "./bytes.js";
import { type CborKey, type CborValue, decodeCbor, encodeCbor } from "./cbor.js";
import { DecodeError, RangeViolation } from "./errors.js";
import { verifyEd25519, verifyP256 } from "./primitives.js";

/** RFC 9053 §2: ES256 for anchors, EdDSA otherwise. */
export type CoseAlgorithm = "EdDSA" | "ES256";
const ALGORITHM_ID = { EdDSA: -8, ES256: -7 } as const;
const HEADER = { alg: 1, kid: 4 } as const;
const TAG_SIGN1 = 0xd2; // tag 18
const EMPTY = new Uint8Array(0);
const EMPTY_MAP: ReadonlyMap<CborKey, CborValue> = new Map();
const SIGNATURE_LENGTH = 64;

export interface CoseSign1 {
  readonly algorithm: CoseAlgorithm;
  /** Key identifier; empty when the signer is known from the context. */
  readonly keyId: Uint8Array;
  readonly payload: Uint8Array;
  /** Ed25519, or r ‖ s of P-256: 64 bytes. */
  readonly signature: Uint8Array;
  /** The Sig_structure that was signed. */
  readonly signedBytes: Uint8Array;
}

function protectedHeader(algorithm: CoseAlgorithm, keyId: Uint8Array): Uint8Array {
  const header = new Map<CborKey, CborValue>([[HEADER.alg, ALGORITHM_ID[algorithm]]]);
  if (keyId.length > 0) header.set(HEADER.kid, keyId);
  return encodeCbor(header);
}

function sigStructure(header: Uint8Array, payload: Uint8Array): Uint8Array {
  return encodeCbor(["Signature1", header, EMPTY, payload]);
}

/** Signs `payload`; `sign` receives the Sig_structure and returns 64 bytes. */
export function encodeSign1(input: {
  readonly algorithm: CoseAlgorithm;
  readonly keyId?: Uint8Array;
  readonly payload: Uint8Array;
  readonly sign: (signedBytes: Uint8Array) => Uint8Array;
}): Uint8Array {
  const header = protectedHeader(input.algorithm, input.keyId ?? EMPTY);
  const signature = input.sign(sigStructure(header, input.payload));
  if (signature.length !== SIGNATURE_LENGTH) {
    throw new RangeViolation(`a COSE signature has 64 bytes, not ${signature.length}`);
  }
  return concatBytes(
    Uint8Array.of(TAG_SIGN1),
    encodeCbor([header, EMPTY_MAP, input.payload, signature]),
  );
}

function decodeHeader(header: Uint8Array, what: string) {
  const map = decodeCbor(header, { what: `${what} protected header`, maps: true });
  if (!(map instanceof Map)) throw new DecodeError(what, 0, "protected header is not a map");
  const alg = map.get(HEADER.alg);
  const keyId = map.get(HEADER.kid) ?? EMPTY;
  const known = 1 + (map.has(HEADER.kid) ? 1 : 0);
  if (!(keyId instanceof Uint8Array) || map.size !== known) {
    throw new DecodeError(what, 0, "protected header holds more than alg and kid");
  }
  if (map.has(HEADER.kid) && keyId.length === 0) throw new DecodeError(what, 0, "kid is empty");
  if (alg === ALGORITHM_ID.EdDSA) return { algorithm: "EdDSA" as const, keyId };
  if (alg === ALGORITHM_ID.ES256) return { algorithm: "ES256" as const, keyId };
  throw new DecodeError(what, 0, "algorithm is neither EdDSA nor ES256");
}

/** Parses without verifying. Throws DecodeError. */
export function decodeSign1(bytes: Uint8Array, what = "COSE_Sign1"): CoseSign1 {
  if (bytes[0] !== TAG_SIGN1) throw new DecodeError(what, 0, "is not a tagged COSE_Sign1");
  const parts = decodeCbor(bytes.subarray(1), { what, maps: true });
  if (!Array.isArray(parts) || parts.length !== 4) {
    throw new DecodeError(what, 1, "is not an array of four");
  }
  const [header, unprotected, payload, signature] = parts;
  if (!(header instanceof Uint8Array)) throw new DecodeError(what, 2, "has no protected header");
  if (!(unprotected instanceof Map) || unprotected.size !== 0) {
    throw new DecodeError(what, 2, "has unprotected headers");
  }
  if (!(payload instanceof Uint8Array)) throw new DecodeError(what, 2, "has no payload");
  if (!(signature instanceof Uint8Array) || signature.length !== SIGNATURE_LENGTH) {
    throw new DecodeError(what, 2, "has no 64-byte signature");
  }
  const signedBytes = sigStructure(header, payload);
  return { ...decodeHeader(header, what), payload, signature, signedBytes };
}

/** True when `publicKey` (32 bytes for EdDSA, 65 for ES256) signed it. */
export function verifySign1(message: CoseSign1, publicKey: Uint8Array): boolean {
  const verify = message.algorithm === "EdDSA" ? verifyEd25519 : verifyP256;
  return verify(publicKey, message.signedBytes, message.signature);
}
