import { blob, integer, type Row } from "./row.js";

/** Roots out of rows of (place, root) in their order, from `index` on, up to the first hole. */
export function rootsInARow(rows: readonly Row[], index: number): Uint8Array[] {
  return rows
    .filter((row, i) => integer(row, "place") === index + i)
    .map((row) => blob(row, "root"));
}
