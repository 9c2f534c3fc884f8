import { checkLeafLimits, encodeMessage, MessageReader } from "./message.js";

/** The leaves from `prevSize` on and the signed checkpoint at their end. */
export interface Batch {
  readonly origin: string;
  readonly prevSize: number;
  readonly leaves: readonly Uint8Array[];
  /** Note text with one signature: the pack's. */
  readonly checkpoint: string;
}

const MAX_ORIGIN = 64;

/** Throws UplinkError `limit` above 4096 leaves, 16 KiB a leaf or 256 KiB in all. */
export function encodeBatch(batch: Batch): Uint8Array {
  checkLeafLimits("batch", batch.prevSize, batch.leaves);
  return encodeMessage("batch", [
    ["origin", batch.origin],
    ["prevSize", batch.prevSize],
    ["leaves", batch.leaves],
    ["checkpoint", batch.checkpoint],
  ]);
}

/** Format only: `checkBatch` says whether it extends a log. Leaves are copies. Throws DecodeError. */
export function decodeBatch(bytes: Uint8Array): Batch {
  const reader = new MessageReader(bytes, "batch", ["origin", "prevSize", "leaves", "checkpoint"]);
  const prevSize = reader.integer("prevSize");
  return {
    origin: reader.text("origin", MAX_ORIGIN),
    prevSize,
    leaves: reader.leaves("leaves", prevSize),
    checkpoint: reader.note("checkpoint"),
  };
}
