/**
 * A device half as it lies on disk: sealed, readable to the storage root of its TPM alone.
 *
 * Trust: whoever reads the file learns the public half. Whoever writes it can take the half away; another one in its
 * place is noticed by its public half, which pairing records name.
 */
import { toHex } from "@wattseal/base";
import type { ObjectBlob } from "@wattseal/tpm2";
import { decodePublic, encodePublic } from "@wattseal/tpm2/verify";
import { decodeChecked, encodeChecked } from "./checked.js";

export interface SealedHalf {
  /** X25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly blob: ObjectBlob;
}

const TAG = "wattseal-half-1";
const NAME = /^half-[0-9a-f]{16}\.sealed$/;
const AREA = { least: 1, most: 1_024 } as const;
const PRIVATE = { least: 1, most: 1_536 } as const;

/** The file of the half with this public half: what a pairing record refers to. */
export function sealedHalfName(publicKey: Uint8Array): string {
  return `half-${toHex(publicKey.subarray(0, 8))}.sealed`;
}

export function isSealedHalf(name: string): boolean {
  return NAME.test(name);
}

/** Throws DecodeError for what `decodeSealedHalf` would not take. */
export function encodeSealedHalf({ publicKey, blob }: SealedHalf): Uint8Array {
  const bytes = encodeChecked([TAG, publicKey, encodePublic(blob.publicArea), blob.privateArea]);
  decodeSealedHalf(bytes);
  return bytes;
}

/** Throws DecodeError. */
export function decodeSealedHalf(bytes: Uint8Array): SealedHalf {
  const fields = decodeChecked(bytes, { what: "sealed device half", tag: TAG, count: 4 });
  return {
    publicKey: fields.bytes(1, "public half", 32),
    blob: {
      publicArea: decodePublic(fields.bytes(2, "public area", AREA)),
      privateArea: fields.bytes(3, "private area", PRIVATE),
    },
  };
}
