/** What batch, request and response share: a deterministic CBOR map with text keys, all of them required, none beside them. */
import {
  type CborKey,
  type CborMap,
  type CborValue,
  DecodeError,
  decodeCbor,
  encodeCbor,
  MAX_ENTRY_LENGTH,
} from "@wattseal/base";
import { UplinkError } from "./errors.js";
import { MAX_BATCH_LEAVES, MAX_MESSAGE_BYTES, MAX_NOTE_BYTES, MAX_PROOF_NODES } from "./limits.js";

const MESSAGE_VERSION = 1;
const HASH_BYTES = 32;

/** Reads the fields of one message; every failure is a DecodeError that names the field. */
export class MessageReader {
  readonly #what: string;
  readonly #map: CborMap;

  constructor(bytes: Uint8Array, what: string, fields: readonly string[]) {
    this.#what = what;
    if (bytes.length > MAX_MESSAGE_BYTES) {
      throw this.refuse(`has ${bytes.length} bytes, more than ${MAX_MESSAGE_BYTES}`);
    }
    const value = decodeCbor(bytes, { what, maps: true });
    if (!(value instanceof Map)) throw this.refuse("is not a map");
    this.#map = value;
    if (value.get("v") !== MESSAGE_VERSION) throw this.refuse("version (v) is not 1");
    for (const field of fields) if (!value.has(field)) throw this.refuse(`has no field "${field}"`);
    if (value.size !== fields.length + 1) throw this.refuse("has fields that version 1 lacks");
  }

  refuse(problem: string): DecodeError {
    return new DecodeError(this.#what, 0, problem);
  }

  text(field: string, maxLength: number): string {
    const value = this.#map.get(field);
    if (typeof value !== "string" || value.length > maxLength) {
      throw this.refuse(`field "${field}" is not a text of up to ${maxLength} characters`);
    }
    return value;
  }

  note(field: string): string {
    return this.text(field, MAX_NOTE_BYTES);
  }

  integer(field: string, max: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.#map.get(field);
    if (typeof value !== "number" || value < 0 || value > max) {
      throw this.refuse(`field "${field}" is not an integer from 0 to ${max}`);
    }
    return value;
  }

  leaves(field: string, first: number): readonly Uint8Array[] {
    const leaves = this.#byteStrings(field, MAX_BATCH_LEAVES);
    if (leaves.length === 0) throw this.refuse(`field "${field}" is empty`);
    for (const [i, leaf] of leaves.entries()) {
      if (leaf.length === 0 || leaf.length > MAX_ENTRY_LENGTH) {
        throw this.refuse(
          `leaf ${first + i} has ${leaf.length} bytes, not 1 to ${MAX_ENTRY_LENGTH}`,
        );
      }
    }
    return leaves;
  }

  hashes(field: string): readonly Uint8Array[] {
    const hashes = this.#byteStrings(field, MAX_PROOF_NODES);
    if (hashes.some((hash) => hash.length !== HASH_BYTES)) {
      throw this.refuse(`field "${field}" holds something other than hashes of 32 bytes`);
    }
    return hashes;
  }

  #byteStrings(field: string, max: number): Uint8Array[] {
    const value = this.#map.get(field);
    if (!Array.isArray(value) || value.length > max) {
      throw this.refuse(`field "${field}" is not an array of up to ${max}`);
    }
    const strings: Uint8Array[] = [];
    for (const item of value) {
      if (!(item instanceof Uint8Array)) {
        throw this.refuse(`field "${field}" holds something other than byte strings`);
      }
      strings.push(item);
    }
    return strings;
  }
}

/** Throws UplinkError `limit` above 256 KiB. */
export function encodeMessage(what: string, fields: readonly [CborKey, CborValue][]): Uint8Array {
  const bytes = encodeCbor(new Map<CborKey, CborValue>([["v", MESSAGE_VERSION], ...fields]));
  if (bytes.length > MAX_MESSAGE_BYTES) {
    throw new UplinkError("limit", `${what} of ${bytes.length} bytes exceeds ${MAX_MESSAGE_BYTES}`);
  }
  return bytes;
}

/** Throws UplinkError `limit`. */
export function checkLeafLimits(what: string, first: number, leaves: readonly Uint8Array[]): void {
  if (leaves.length === 0 || leaves.length > MAX_BATCH_LEAVES) {
    throw new UplinkError(
      "limit",
      `${what} of ${leaves.length} leaves, not 1 to ${MAX_BATCH_LEAVES}`,
    );
  }
  for (const [i, leaf] of leaves.entries()) {
    if (leaf.length === 0 || leaf.length > MAX_ENTRY_LENGTH) {
      throw new UplinkError("limit", `leaf ${first + i} of ${what} has ${leaf.length} bytes`);
    }
  }
}
