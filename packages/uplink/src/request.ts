import { checkLeafLimits, encodeMessage, MessageReader } from "./message.js";

const MAX_ID = 0xff_ff_ff_ff;

/** The federation's "send me the leaves from here". */
export interface LeafRequest {
  /** Chosen by the asker, 32 bits; comes back in the response. */
  readonly id: number;
  readonly from: number;
}

/**
 * Leaves that no checkpoint at hand cuts within the bounds of a batch. `proof` (RFC 9162 §2.1.4) shows the tree of
 * `prevSize` + leaves to be a prefix of `checkpoint`; empty where they meet.
 */
export interface LeafResponse {
  readonly id: number;
  readonly prevSize: number;
  readonly leaves: readonly Uint8Array[];
  readonly proof: readonly Uint8Array[];
  readonly checkpoint: string;
}

export function encodeRequest(request: LeafRequest): Uint8Array {
  return encodeMessage("request", [
    ["id", request.id],
    ["from", request.from],
  ]);
}

/** Throws DecodeError. */
export function decodeRequest(bytes: Uint8Array): LeafRequest {
  const reader = new MessageReader(bytes, "request", ["id", "from"]);
  return { id: reader.integer("id", MAX_ID), from: reader.integer("from") };
}

/** Throws UplinkError `limit`, with the bounds of a batch. */
export function encodeResponse(response: LeafResponse): Uint8Array {
  checkLeafLimits("response", response.prevSize, response.leaves);
  return encodeMessage("response", [
    ["id", response.id],
    ["prevSize", response.prevSize],
    ["leaves", response.leaves],
    ["proof", response.proof],
    ["checkpoint", response.checkpoint],
  ]);
}

/** Throws DecodeError. */
export function decodeResponse(bytes: Uint8Array): LeafResponse {
  const fields = ["id", "prevSize", "leaves", "proof", "checkpoint"];
  const reader = new MessageReader(bytes, "response", fields);
  const prevSize = reader.integer("prevSize");
  return {
    id: reader.integer("id", MAX_ID),
    prevSize,
    leaves: reader.leaves("leaves", prevSize),
    proof: reader.hashes("proof"),
    checkpoint: reader.note("checkpoint"),
  };
}
