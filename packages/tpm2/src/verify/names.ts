/** Names of SHA-256 objects and indices, without node:crypto: this folder loads in a browser. */
import { concatBytes, sha256 } from "@wattseal/base";
import { type NvPublic, nvPublic } from "../structures/nv.js";
import { type Public, publicArea } from "../structures/public.js";
import type { Codec } from "../wire/codec.js";
import { ALG } from "../wire/constants.js";
import { TpmError } from "../wire/errors.js";
import { Reader } from "../wire/reader.js";
import { Writer } from "../wire/writer.js";

function named<T>(codec: Codec<T>, value: T & { readonly nameAlgorithm: number }): Uint8Array {
  const { nameAlgorithm } = value;
  if (nameAlgorithm !== ALG.sha256) {
    throw new TpmError("tpm-evidence", "only objects named by SHA-256 are accepted");
  }
  const writer = new Writer();
  codec.write(writer, value);
  return concatBytes(Uint8Array.of(nameAlgorithm >> 8, nameAlgorithm), sha256(writer.done()));
}

/** Part 1 §16. Throws TpmError `tpm-evidence` for another algorithm than SHA-256. */
export function objectName(object: Public): Uint8Array {
  return named(publicArea, object);
}

export function indexName(index: NvPublic): Uint8Array {
  return named(nvPublic, index);
}

function whole<T>(codec: Codec<T>, bytes: Uint8Array, what: string): T {
  const reader = new Reader(bytes, what);
  const value = codec.read(reader);
  reader.end();
  return value;
}

function bytesOf<T>(codec: Codec<T>, value: T): Uint8Array {
  const writer = new Writer();
  codec.write(writer, value);
  return writer.done();
}

/** TPMT_PUBLIC as bytes, and back. `decode…` throws DecodeError. */
export const encodePublic = (value: Public): Uint8Array => bytesOf(publicArea, value);
export const decodePublic = (bytes: Uint8Array): Public => whole(publicArea, bytes, "TPMT_PUBLIC");

/** TPMS_NV_PUBLIC as bytes, and back. */
export const encodeNvPublic = (value: NvPublic): Uint8Array => bytesOf(nvPublic, value);
export const decodeNvPublic = (bytes: Uint8Array): NvPublic =>
  whole(nvPublic, bytes, "TPMS_NV_PUBLIC");
