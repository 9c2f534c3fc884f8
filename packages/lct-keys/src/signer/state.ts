/** One epoch's durable state: the last head it may have signed. */
import {
  bytesEqual,
  concatBytes,
  decodeCbor,
  encodeCbor,
  Fields,
  type LctId,
  sha256,
} from "@wattseal/base";
import type { TreeHead } from "./port.js";

export interface SignerState extends TreeHead {
  readonly lct: LctId;
  readonly epoch: number;
}

const TAG = "wattseal-signer-1";
const CHECK_LENGTH = 32;
const POSITIVE = { least: 1, most: Number.MAX_SAFE_INTEGER } as const;

/** CBOR array ‖ SHA-256 of it. */
export function encodeState(state: SignerState): Uint8Array {
  const record = encodeCbor([TAG, state.lct, state.epoch, state.size, state.root]);
  return concatBytes(record, sha256(record));
}

/** Throws DecodeError. */
export function decodeState(bytes: Uint8Array): SignerState {
  const what = "signer state";
  const end = Math.max(0, bytes.length - CHECK_LENGTH);
  const record = bytes.subarray(0, end);
  const fields = new Fields(decodeCbor(record, { what }), what, 5);
  if (!bytesEqual(sha256(record), bytes.subarray(end))) fields.fail("has a bad checksum");
  fields.oneOf(0, "version tag", [TAG]);
  return {
    lct: fields.lct(1, "lct"),
    epoch: fields.integer(2, "epoch", POSITIVE),
    size: fields.integer(3, "size", POSITIVE),
    root: fields.bytes(4, "root", 32),
  };
}
