import { messageOf } from "@wattseal/base";
import { decodeBundle } from "@wattseal/tlog";
import { FederationError } from "../errors.js";
import type { StoredReceiptLog } from "../receipts/port.js";
import { blob, integer, type Row, split, textOrNone } from "./row.js";

export function storedReceiptLog(row: Row): StoredReceiptLog {
  return {
    size: integer(row, "size"),
    nodes: split(blob(row, "nodes")),
    note: textOrNone(row, "note"),
  };
}

/**
 * Leaves `from` to `from + limit` out of rows of (first, count, data) in their order, of which the first holds leaf `from`;
 * up to the first hole: the caller finds the log short. Throws FederationError `store-corrupt`.
 */
export function unbundled(
  rows: readonly Row[],
  from: number,
  limit: number,
  what: string,
): Uint8Array[] {
  const leaves: Uint8Array[] = [];
  for (const row of rows) {
    const first = integer(row, "first");
    if (first > from + leaves.length) break;
    leaves.push(
      ...unbundle(row, `${what}: leaves from ${first}`).slice(from + leaves.length - first),
    );
  }
  return leaves.slice(0, limit);
}

function unbundle(row: Row, what: string): Uint8Array[] {
  try {
    return decodeBundle(blob(row, "data"), integer(row, "count"), what);
  } catch (cause) {
    throw new FederationError("store-corrupt", messageOf(cause), { cause });
  }
}
