/** KDFa and KDFe (Part 1 §11.4.10.2 and §11.4.10.3). */
import { concatBytes, utf8, viewOf } from "@wattseal/base";
import { digestLength, type HashAlgorithm } from "../structures/algorithms.js";
import { digestOf, hmacOf } from "./digest.js";

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setUint32(0, value);
  return bytes;
}

const ZERO = Uint8Array.of(0);

function blocks(hash: HashAlgorithm, bits: number, block: (i: number) => Uint8Array): Uint8Array {
  const count = Math.ceil(bits / 8 / digestLength(hash));
  const all = concatBytes(...Array.from({ length: count }, (_, i) => block(i + 1)));
  return all.slice(0, Math.ceil(bits / 8));
}

export interface KdfaContext {
  readonly label: string;
  readonly u: Uint8Array;
  readonly v: Uint8Array;
}

/** NIST SP 800-108 in counter mode with HMAC; `bits` is a multiple of 8. */
export function kdfa(
  hash: HashAlgorithm,
  key: Uint8Array,
  { label, u, v }: KdfaContext,
  bits: number,
): Uint8Array {
  return blocks(hash, bits, (i) => hmacOf(hash, key, u32(i), utf8(label), ZERO, u, v, u32(bits)));
}

export interface KdfeContext {
  readonly label: string;
  /** x coordinates of the ephemeral and of the static public key. */
  readonly partyU: Uint8Array;
  readonly partyV: Uint8Array;
}

/** NIST SP 800-56A's one-step derivation from an ECDH point's x coordinate. */
export function kdfe(
  hash: HashAlgorithm,
  z: Uint8Array,
  { label, partyU, partyV }: KdfeContext,
  bits: number,
): Uint8Array {
  return blocks(hash, bits, (i) => digestOf(hash, u32(i), z, utf8(label), ZERO, partyU, partyV));
}
