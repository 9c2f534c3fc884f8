/** What is kept against packs, as both databases give it. */
import { packName } from "@wattseal/uplink";
import type { ForkEvidence, Poison } from "./port.js";
import { blob, integer, type Row, text } from "./row.js";

export const FORK_COLUMNS = "pack, kind, size, payload, receipt";
export const POISON_COLUMNS = "pack, reason, message, payload";

export function forkOf(row: Row): ForkEvidence {
  return {
    pack: packName(text(row, "pack")),
    kind: text(row, "kind") === "epoch" ? "epoch" : "checkpoint",
    size: integer(row, "size"),
    payload: blob(row, "payload"),
    receipt: text(row, "receipt"),
  };
}

export function poisonOf(row: Row): Poison {
  return {
    pack: packName(text(row, "pack")),
    reason: text(row, "reason"),
    message: text(row, "message"),
    payload: blob(row, "payload"),
  };
}
