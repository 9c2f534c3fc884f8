/** Records in files: a deterministic CBOR array that starts with its tag, and the SHA-256 of it. */
import {
  bytesEqual,
  type CborValue,
  concatBytes,
  decodeCbor,
  encodeCbor,
  Fields,
  sha256,
} from "@wattseal/base";

const CHECK_LENGTH = 32;

export function encodeChecked(record: readonly CborValue[]): Uint8Array {
  const bytes = encodeCbor(record);
  return concatBytes(bytes, sha256(bytes));
}

/** Its items, of which the first is `tag`. Throws DecodeError. */
export function decodeChecked(
  bytes: Uint8Array,
  { what, tag, count }: { readonly what: string; readonly tag: string; readonly count: number },
): Fields {
  const end = Math.max(0, bytes.length - CHECK_LENGTH);
  const record = bytes.subarray(0, end);
  const fields = new Fields(decodeCbor(record, { what }), what, count);
  if (!bytesEqual(sha256(record), bytes.subarray(end))) fields.fail("has a bad checksum");
  fields.oneOf(0, "version tag", [tag]);
  return fields;
}
