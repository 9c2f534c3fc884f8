import { DecodeError } from "@wattseal/base";
import { hash32, sign1 } from "../codec/scalars.js";
import {
  byteString,
  constant,
  decodeAs,
  encodeInto,
  integer,
  list,
  record,
  type Value,
} from "../codec/schema.js";
import { FieldWriter } from "../codec/writer.js";
import { ledgerState, MAX_SNAPSHOT_LENGTH } from "./state.js";

/** Everything that the entries after the first `size` are judged by: docs/ledger-format.md, Snapshot. */
const snapshot = record({
  purpose: constant("wattseal-snapshot-1"),
  size: integer("a tree size", 2, Number.MAX_SAFE_INTEGER),
  /** Roots of the complete subtrees, largest first: one for each one bit of `size`. */
  tree: list(hash32, { min: 1, max: 53 }),
  /** COSE_Sign1 of entry 0. */
  document: sign1,
  /** Evidence of every epoch that has begun, in order. */
  epochs: list(byteString("epoch evidence", 1, 15_000), { min: 1, max: MAX_SNAPSHOT_LENGTH }),
  ledger: ledgerState,
});
export type Snapshot = Value<typeof snapshot>;

const FIRST_CAPACITY = 65_536;

/** The one encoding of it. Throws RangeViolation where it would be longer than 64 MiB. */
export function encodeSnapshot(state: Omit<Snapshot, "purpose">): Uint8Array {
  const writer = new FieldWriter(FIRST_CAPACITY, MAX_SNAPSHOT_LENGTH);
  return encodeInto(writer, snapshot, { purpose: "wattseal-snapshot-1", ...state });
}

/**
 * Parses: ranges and form only, not whether the parts fit together. Byte strings are views of `bytes`. Throws
 * DecodeError.
 */
export function decodeSnapshot(bytes: Uint8Array): Snapshot {
  const what = "snapshot";
  if (bytes.length > MAX_SNAPSHOT_LENGTH) {
    throw new DecodeError(what, MAX_SNAPSHOT_LENGTH, `is longer than ${MAX_SNAPSHOT_LENGTH} bytes`);
  }
  return decodeAs(snapshot, bytes, what);
}
