/** What is kept against packs, as both databases give it. */
import { WattsealError } from "@wattseal/base";
import { type PackName, packName } from "@wattseal/uplink";
import type { ForkEvidence, Poison } from "./port.js";
import { blob, integer, type Row, text } from "./row.js";

export const FORK_COLUMNS = "pack, kind, size, payload, receipt";
export const POISON_COLUMNS = "pack, reason, message, payload";

/** Rows that no worker wrote are left out: who could write them could as well have removed the others. */
export function forksIn(rows: readonly Row[]): readonly ForkEvidence[] {
  return rows.flatMap((row) => readable(() => forkOf(row)));
}

export function forkedPacksIn(rows: readonly Row[]): readonly PackName[] {
  return rows.flatMap((row) => readable(() => packName(text(row, "pack"))));
}

function readable<T>(read: () => T): readonly T[] {
  try {
    return [read()];
  } catch (error) {
    if (error instanceof WattsealError) return [];
    throw error;
  }
}

function forkOf(row: Row): ForkEvidence {
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
