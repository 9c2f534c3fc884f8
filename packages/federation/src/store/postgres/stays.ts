/** Where each module has been, and who claims the same of its counters: rows beside the leaves, in their transaction. */
import { moduleUid } from "@wattseal/base";
import type { Stay } from "@wattseal/energy-ledger";
import { type PackName, packName } from "@wattseal/uplink";
import { MAX_STAYS, type ModuleTwice } from "../port.js";
import { blob, integer, type Row, text } from "../row.js";
import {
  decodeStays,
  encodeStays,
  STAY_COLUMNS,
  stayOf,
  stayValues,
  twiceOf,
} from "../stay-row.js";
import type { Parameter, Session } from "./database.js";
import { valueLists } from "./values.js";

export interface PackStay {
  /** Of the pack's row. */
  readonly id: number;
  readonly pack: PackName;
  readonly stay: Stay;
}

/**
 * Keeps the stays, and whoever else claims what they claim. Two packs that claim the same must not be stored past each
 * other, each without seeing the other's claim: a stay that grows is locked by being written, and whoever compares with
 * it waits for that (FOR SHARE, before anything is compared); of new ones, which nobody can see yet, one waits for the
 * other at their module. Two that grow at the same moment wait for each other: one is told so, and does it again.
 */
export async function storeStays(session: Session, all: readonly PackStay[]): Promise<void> {
  // One statement cannot write a row twice: what was said last of a stay is what it is.
  const named = all.map((one) => [`${one.stay.module} ${one.id} ${one.stay.first}`, one] as const);
  const stays = [...new Map(named).values()];
  const added = await put(session, stays);
  if (added.length > 0) {
    await lockModules(session, added);
    await trim(session, added);
  }
  await keepTwice(session, await claimedElsewhere(session, stays));
}

/** The rows that are new, module and pack. */
async function put(session: Session, stays: readonly PackStay[]): Promise<Row[]> {
  const rows = stays.map(({ id, stay }) => [id, ...stayValues(stay)]);
  const written = await session.all(
    `INSERT INTO wattseal.stay (pack, ${STAY_COLUMNS})
      SELECT * FROM unnest($1::bigint[], $2::text[]${counters(3)})
      ON CONFLICT (module, pack, first) DO UPDATE SET last = excluded.last, t0 = excluded.t0, t1 = excluded.t1,
        in0 = excluded.in0, in1 = excluded.in1, out0 = excluded.out0, out1 = excluded.out1
      RETURNING module, pack, xmax = 0 AS added`,
    columns(rows),
  );
  return written.filter((row) => row.get("added") === true);
}

async function lockModules(session: Session, added: readonly Row[]): Promise<void> {
  const modules = [...new Set(added.map((row) => text(row, "module")))].sort();
  await session.run(
    `INSERT INTO wattseal.module (uid) SELECT uid FROM unnest($1::text[]) AS new (uid) ORDER BY uid
      ON CONFLICT DO NOTHING`,
    [modules],
  );
  await session.run("SELECT FROM wattseal.module WHERE uid = ANY ($1) ORDER BY uid FOR UPDATE", [
    modules,
  ]);
}

/** The newest stays of a module in a pack are kept. */
async function trim(session: Session, added: readonly Row[]): Promise<void> {
  const rows = added.map((row): Parameter[] => [text(row, "module"), integer(row, "pack")]);
  for (const list of valueLists(rows, ["text", "bigint"])) {
    await session.run(
      `DELETE FROM wattseal.stay AS old USING (VALUES ${list.text}) AS new (module, pack)
        WHERE old.module = new.module AND old.pack = new.pack AND old.first <= (
          SELECT first FROM wattseal.stay AS it WHERE it.module = new.module AND it.pack = new.pack
            ORDER BY first DESC LIMIT 1 OFFSET ${MAX_STAYS})`,
      list.values,
    );
  }
}

async function claimedElsewhere(
  session: Session,
  stays: readonly PackStay[],
): Promise<ModuleTwice[]> {
  const rows = stays.map(({ id, stay }, i) => [i, id, ...stayValues(stay)]);
  const others = await session.all(
    `WITH own AS (
        SELECT * FROM unnest($1::integer[], $2::bigint[], $3::text[]${counters(4)})
          AS it (i, pack, ${STAY_COLUMNS})
      ), other AS MATERIALIZED (
        SELECT own.i, stay.* FROM own JOIN wattseal.stay
          ON stay.module = own.module COLLATE "C" AND stay.pack <> own.pack FOR SHARE OF stay
      )
      SELECT own.i, pack.name, ${STAY_COLUMNS.split(", ").map((column) => `other.${column}`)}
      FROM own JOIN other USING (i) JOIN wattseal.pack ON pack.id = other.pack
      WHERE least(own.in1, other.in1) > greatest(own.in0, other.in0)
        OR least(own.out1, other.out1) > greatest(own.out0, other.out0)
      ORDER BY own.i, other.first`,
    columns(rows),
  );
  return others.flatMap((row): ModuleTwice[] => {
    const own = stays[integer(row, "i")];
    if (own === undefined) return [];
    return [twiceOf(own, { pack: packName(text(row, "name")), stay: stayOf(row) })];
  });
}

/** The first find of a pair stays. In one order, so that no two transactions wait for each other. */
async function keepTwice(session: Session, found: readonly ModuleTwice[]): Promise<void> {
  const byName = new Map<string, ModuleTwice>();
  for (const twice of found) {
    const name = nameOf(twice).join(" ");
    if (!byName.has(name)) byName.set(name, twice);
  }
  const rows = [...byName.keys()].sort().flatMap((name): Parameter[][] => {
    const twice = byName.get(name);
    return twice === undefined ? [] : [[...nameOf(twice), encodeStays(twice)]];
  });
  for (const list of valueLists(rows)) {
    await session.run(
      `INSERT INTO wattseal.twice (module, a, b, stays) VALUES ${list.text} ON CONFLICT DO NOTHING`,
      list.values,
    );
  }
}

function nameOf({ module, stays: [a, b] }: ModuleTwice): [string, PackName, PackName] {
  return [module, a.pack, b.pack];
}

export const TWICE = "SELECT module, a, b, stays FROM wattseal.twice";

export function twiceFrom(row: Row): ModuleTwice {
  return decodeStays(blob(row, "stays"), moduleUid(text(row, "module")), [
    packName(text(row, "a")),
    packName(text(row, "b")),
  ]);
}

export async function tellTwice(session: Session, found: readonly ModuleTwice[]): Promise<void> {
  for (const list of valueLists(found.map(nameOf), ["text", "text", "text"])) {
    await session.run(
      `UPDATE wattseal.twice SET told = true FROM (VALUES ${list.text}) AS known (module, a, b)
        WHERE twice.module = known.module AND twice.a = known.a AND twice.b = known.b`,
      list.values,
    );
  }
}

/** Eight numbers of a stay, as parameters from `first` on. */
function counters(first: number): string {
  return Array.from({ length: 8 }, (_, i) => `, $${first + i}::bigint[]`).join("");
}

/** Rows as one array a column: numbers and module ids, which need no quotes (section 8.15.2). */
function columns(rows: readonly (readonly (number | string)[])[]): string[] {
  const width = rows[0]?.length ?? 0;
  return Array.from({ length: width }, (_, i) => `{${rows.map((row) => row[i]).join(",")}}`);
}
