/** Folds: rows beside the leaves, in their transaction. */
import type { PackName } from "@wattseal/uplink";
import { packName } from "@wattseal/uplink";
import { BLOCK, type EnergySum, type FoldGrowth, MOST } from "../../folds/growth.js";
import type { EnergyQuery, MarkedBlock, MarksQuery } from "../../folds/port.js";
import {
  ENERGY_COLUMNS,
  energyFrom,
  energyValues,
  FOLD_COLUMNS,
  sharedBits,
  spanMs,
  storedFold,
} from "../fold-row.js";
import { type Access, blob, integer, text } from "../row.js";
import { rootsInARow } from "../subtree-row.js";

/** Moves a pack's folds on where they are at `from`; from 0 they begin anew. Else nothing is done. */
export function growFold(
  access: Access,
  id: number,
  { from, to, growth }: { readonly from: number; readonly to: number; readonly growth: FoldGrowth },
): boolean {
  const { version, summary } = growth;
  const isAnew = from === 0;
  const moved = access.run(
    `UPDATE pack SET fold_version = ?, fold_size = ?, summary = ? WHERE id = ? AND size >= ? AND
      ${isAnew ? "(fold_version < ? OR fold_version = ? AND fold_size = 0)" : "fold_version = ? AND fold_size = ?"}`,
    [version, to, JSON.stringify(summary), id, to, version, isAnew ? version : from],
  );
  if (moved === 0) return false;
  if (isAnew) access.run("DELETE FROM energy WHERE pack = ?", [id]);
  for (const sum of growth.energy)
    access.run(ADD_ENERGY, [id, spanMs(sum), sum.start, ...energyValues(sum)]);
  for (const { key, block, bits } of growth.marks) {
    access.run("INSERT OR REPLACE INTO mark (key, pack, block, bits) VALUES (?, ?, ?, ?)", [
      key,
      id,
      block,
      bits,
    ]);
  }
  for (const { tile, index, root } of growth.subtrees) {
    access.run("INSERT OR REPLACE INTO subtree (pack, tile, place, root) VALUES (?, ?, ?, ?)", [
      id,
      tile,
      index,
      root,
    ]);
  }
  return true;
}

const ADD_ENERGY = `INSERT INTO energy (pack, span, start, ${ENERGY_COLUMNS.join(", ")})
  VALUES (?, ?, ?${", ?".repeat(ENERGY_COLUMNS.length)}) ON CONFLICT (pack, span, start) DO UPDATE SET
  ${ENERGY_COLUMNS.map((it) => `${it} = min(${MOST}, ${it} + excluded.${it})`).join(", ")}`;

export function foldIn(access: Access, pack: PackName) {
  const [row] = access.all(`SELECT ${FOLD_COLUMNS} FROM pack WHERE name = ?`, [pack]);
  return row === undefined ? undefined : storedFold(row);
}

export function foldsIn(access: Access, after: string, limit: number) {
  return access
    .all(`SELECT ${FOLD_COLUMNS} FROM pack WHERE name > ? ORDER BY name LIMIT ?`, [after, limit])
    .map(storedFold);
}

export function behindIn(access: Access, version: number, after: string, limit: number) {
  const rows = access.all(
    `SELECT name FROM pack WHERE name > ? AND (fold_version < ? OR fold_version = ? AND fold_size < size)
      ORDER BY name LIMIT ?`,
    [after, version, version, limit],
  );
  return rows.map((row) => packName(text(row, "name")));
}

export function energyIn(access: Access, { pack, span, from, to }: EnergyQuery): EnergySum[] {
  const times = [spanMs({ span }), from, to];
  const rows =
    pack === undefined
      ? access.all(
          `SELECT start, ${ENERGY_COLUMNS.map((it) => `CAST(min(total(${it}), ${MOST}) AS INTEGER) AS ${it}`).join(", ")}
            FROM energy WHERE span = ? AND start >= ? AND start < ? GROUP BY start ORDER BY start`,
          times,
        )
      : access.all(
          `SELECT start, ${ENERGY_COLUMNS.join(", ")} FROM energy
            WHERE pack = (SELECT id FROM pack WHERE name = ?) AND span = ? AND start >= ? AND start < ? ORDER BY start`,
          [pack, ...times],
        );
  return rows.map((row) => energyFrom(row, span));
}

export function marksIn(
  access: Access,
  { keys, pack, from, limit, backwards }: MarksQuery,
): MarkedBlock[] {
  const [first, second] = keys;
  const order = backwards === true ? "DESC" : "ASC";
  const joined =
    second === undefined
      ? ""
      : "JOIN mark AS other ON other.key = ? AND other.pack = mark.pack AND other.block = mark.block";
  const rows = access.all(
    `SELECT name, mark.block, mark.bits${second === undefined ? "" : ", other.bits AS others"}
      FROM mark ${joined} JOIN pack ON pack.id = mark.pack WHERE mark.key = ?
        ${pack === undefined ? "" : "AND mark.pack = (SELECT id FROM pack WHERE name = ?)"}
        ${from === undefined ? "" : "AND (mark.pack, mark.block) >= ((SELECT id FROM pack WHERE name = ?), ?)"}
      ORDER BY mark.pack ${order}, mark.block ${order} LIMIT ?`,
    [
      ...(second === undefined ? [] : [second]),
      first,
      ...(pack === undefined ? [] : [pack]),
      ...(from === undefined ? [] : [from.pack, Math.floor(from.index / BLOCK)]),
      limit,
    ],
  );
  return rows.map((row) => ({
    pack: packName(text(row, "name")),
    block: integer(row, "block"),
    bits: sharedBits([blob(row, "bits"), ...(second === undefined ? [] : [blob(row, "others")])]),
  }));
}

export function subtreesIn(
  access: Access,
  pack: PackName,
  tile: number,
  { index, count }: { readonly index: number; readonly count: number },
): Uint8Array[] {
  const rows = access.all(
    `SELECT place, root FROM subtree WHERE pack = (SELECT id FROM pack WHERE name = ?) AND tile = ?
      AND place >= ? AND place < ? ORDER BY place`,
    [pack, tile, index, index + count],
  );
  return rootsInARow(rows, index);
}
