/** Folds: rows beside the leaves, in their transaction. Who writes them holds the lock on the pack's row. */
import { type PackName, packName } from "@wattseal/uplink";
import {
  BLOCK,
  type EnergySum,
  type FoldGrowth,
  latestMarks,
  MOST,
  mergedEnergy,
} from "../../folds/growth.js";
import type { EnergyQuery, MarkedBlock, MarksQuery, StoredFold } from "../../folds/port.js";
import {
  ENERGY_COLUMNS,
  energyFrom,
  energyValues,
  FOLD_COLUMNS,
  sharedBits,
  spanMs,
  storedFold,
} from "../fold-row.js";
import { blob, integer, text } from "../row.js";
import { rootsInARow } from "../subtree-row.js";
import type { Parameter, Session } from "./database.js";
import { valueLists } from "./values.js";

type Reader = Pick<Session, "all">;

export interface PackGrowth {
  /** Of the pack's row. */
  readonly id: number;
  readonly growth: FoldGrowth;
}

/** One statement cannot write a row twice: what one pack gains of a row is put together first. */
export async function growRows(session: Session, all: readonly PackGrowth[]): Promise<void> {
  const byId = new Map<number, FoldGrowth[]>();
  for (const { id, growth } of all) byId.set(id, [...(byId.get(id) ?? []), growth]);
  const of = (rows: (growths: readonly FoldGrowth[]) => readonly Parameter[][]) =>
    [...byId].flatMap(([id, growths]) => rows(growths).map((row): Parameter[] => [id, ...row]));
  const energy = of((growths) =>
    mergedEnergy(growths.flatMap((it) => it.energy)).map((sum) => [
      spanMs(sum),
      sum.start,
      ...energyValues(sum),
    ]),
  );
  const marks = of((growths) =>
    latestMarks(growths.flatMap((it) => it.marks)).map(({ key, block, bits }) => [
      key,
      block,
      bits,
    ]),
  );
  const subtrees = of((growths) =>
    growths.flatMap((it) => it.subtrees.map(({ tile, index, root }) => [tile, index, root])),
  );
  const columns = ENERGY_COLUMNS.map(
    (it) => `${it} = least(${MOST}, energy.${it} + excluded.${it})`,
  );
  await put(session, energy, {
    into: `energy (pack, span, start, ${ENERGY_COLUMNS.join(", ")})`,
    key: "pack, span, start",
    set: columns.join(", "),
  });
  const mark = { into: "mark (pack, key, block, bits)", key: "key, pack, block" };
  await put(session, marks, { ...mark, set: "bits = excluded.bits" });
  const subtree = { into: "subtree (pack, tile, place, root)", key: "pack, tile, place" };
  await put(session, subtrees, { ...subtree, set: "root = excluded.root" });
}

async function put(
  session: Session,
  rows: readonly (readonly Parameter[])[],
  { into, key, set }: { readonly into: string; readonly key: string; readonly set: string },
): Promise<void> {
  for (const list of valueLists(rows)) {
    await session.run(
      `INSERT INTO wattseal.${into} VALUES ${list.text} ON CONFLICT (${key}) DO UPDATE SET ${set}`,
      list.values,
    );
  }
}

/** As the port's `advanceFold`. */
export async function advance(
  session: Session,
  pack: PackName,
  { from, to, growth }: { readonly from: number; readonly to: number; readonly growth: FoldGrowth },
): Promise<boolean> {
  const [row] = await session.all(
    "SELECT id, size, fold_version, fold_size FROM wattseal.pack WHERE name = $1 FOR UPDATE",
    [pack],
  );
  if (row === undefined || integer(row, "size") < to) return false;
  const id = integer(row, "id");
  const version = integer(row, "fold_version");
  const isThere = version === growth.version && integer(row, "fold_size") === from;
  if (!isThere && !(from === 0 && version < growth.version)) return false;
  if (from === 0) await session.run("DELETE FROM wattseal.energy WHERE pack = $1", [id]);
  await session.run(
    "UPDATE wattseal.pack SET fold_version = $2, fold_size = $3, summary = $4 WHERE id = $1",
    [id, growth.version, to, JSON.stringify(growth.summary)],
  );
  await growRows(session, [{ id, growth }]);
  return true;
}

export async function foldIn(reader: Reader, pack: PackName): Promise<StoredFold | undefined> {
  const [row] = await reader.all(`SELECT ${FOLD_COLUMNS} FROM wattseal.pack WHERE name = $1`, [
    pack,
  ]);
  return row === undefined ? undefined : storedFold(row);
}

export async function foldsIn(reader: Reader, after: string, limit: number): Promise<StoredFold[]> {
  const rows = await reader.all(
    `SELECT ${FOLD_COLUMNS} FROM wattseal.pack WHERE name > $1 ORDER BY name LIMIT $2`,
    [after, limit],
  );
  return rows.map(storedFold);
}

export async function behindIn(
  reader: Reader,
  version: number,
  after: string,
  limit: number,
): Promise<PackName[]> {
  const rows = await reader.all(
    `SELECT name FROM wattseal.pack WHERE name > $1 AND (fold_version < $2 OR fold_version = $2 AND fold_size < size)
      ORDER BY name LIMIT $3`,
    [after, version, limit],
  );
  return rows.map((row) => packName(text(row, "name")));
}

export async function energyIn(
  reader: Reader,
  { pack, span, from, to }: EnergyQuery,
): Promise<EnergySum[]> {
  const times = [spanMs({ span }), from, to];
  const rows =
    pack === undefined
      ? await reader.all(
          `SELECT start, ${ENERGY_COLUMNS.map((it) => `least(${MOST}, sum(${it}))::bigint AS ${it}`).join(", ")}
            FROM wattseal.energy WHERE span = $1 AND start >= $2 AND start < $3 GROUP BY start ORDER BY start`,
          times,
        )
      : await reader.all(
          `SELECT start, ${ENERGY_COLUMNS.join(", ")} FROM wattseal.energy
            WHERE pack = (SELECT id FROM wattseal.pack WHERE name = $4)
              AND span = $1 AND start >= $2 AND start < $3 ORDER BY start`,
          [...times, pack],
        );
  return rows.map((row) => energyFrom(row, span));
}

export async function marksIn(
  reader: Reader,
  { keys, pack, from, limit, backwards }: MarksQuery,
): Promise<MarkedBlock[]> {
  const [first, second] = keys;
  const order = backwards === true ? "DESC" : "ASC";
  const values: Parameter[] = [];
  const bound = (value: Parameter) => `$${values.push(value)}`;
  const idOf = (name: PackName) => `(SELECT id FROM wattseal.pack WHERE name = ${bound(name)})`;
  const joined =
    second === undefined
      ? ""
      : `JOIN wattseal.mark AS other ON other.key = ${bound(second)} AND other.pack = mark.pack AND other.block = mark.block`;
  const rows = await reader.all(
    `SELECT name, mark.block, mark.bits${second === undefined ? "" : ", other.bits AS others"}
      FROM wattseal.mark ${joined} JOIN wattseal.pack ON pack.id = mark.pack WHERE mark.key = ${bound(first)}
        ${pack === undefined ? "" : `AND mark.pack = ${idOf(pack)}`}
        ${from === undefined ? "" : `AND (mark.pack, mark.block) >= (${idOf(from.pack)}, ${bound(Math.floor(from.index / BLOCK))}::bigint)`}
      ORDER BY mark.pack ${order}, mark.block ${order} LIMIT ${bound(limit)}`,
    values,
  );
  return rows.map((row) => ({
    pack: packName(text(row, "name")),
    block: integer(row, "block"),
    bits: sharedBits([blob(row, "bits"), ...(second === undefined ? [] : [blob(row, "others")])]),
  }));
}

export async function subtreesIn(
  reader: Reader,
  pack: PackName,
  tile: number,
  { index, count }: { readonly index: number; readonly count: number },
): Promise<Uint8Array[]> {
  const rows = await reader.all(
    `SELECT place, root FROM wattseal.subtree WHERE pack = (SELECT id FROM wattseal.pack WHERE name = $1)
      AND tile = $2 AND place >= $3 AND place < $4 ORDER BY place`,
    [pack, tile, index, index + count],
  );
  return rootsInARow(rows, index);
}
