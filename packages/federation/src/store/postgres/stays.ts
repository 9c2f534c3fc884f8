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

/** Keeps the stays, and whoever else claims what they claim. */
export async function storeStays(session: Session, all: readonly PackStay[]): Promise<void> {
  // One statement cannot write a row twice: what was said last of a stay is what it is.
  const stays = [
    ...new Map(all.map((one) => [`${one.stay.module} ${one.id} ${one.stay.first}`, one])).values(),
  ];
  await lockModules(session, stays);
  await trim(session, await put(session, stays));
  await keepTwice(session, await claimedElsewhere(session, stays));
}

/** Two packs that claim the same module must not be stored past each other, each without seeing the other's claim. */
async function lockModules(session: Session, stays: readonly PackStay[]): Promise<void> {
  const modules = [...new Set(stays.map(({ stay }) => stay.module))].sort();
  const lock = () =>
    session.all("SELECT uid FROM wattseal.module WHERE uid = ANY ($1) ORDER BY uid FOR UPDATE", [
      modules,
    ]);
  if ((await lock()).length === modules.length) return;
  await session.run(
    `INSERT INTO wattseal.module (uid) SELECT uid FROM unnest($1::text[]) AS new (uid) ORDER BY uid
      ON CONFLICT DO NOTHING`,
    [modules],
  );
  await lock();
}

/** The rows that are new, module and pack. */
async function put(session: Session, stays: readonly PackStay[]): Promise<Row[]> {
  const rows = stays.map(({ id, stay }): Parameter[] => [id, ...stayValues(stay)]);
  const added: Row[] = [];
  for (const list of valueLists(rows)) {
    const written = await session.all(
      `INSERT INTO wattseal.stay (pack, ${STAY_COLUMNS}) VALUES ${list.text}
        ON CONFLICT (module, pack, first) DO UPDATE SET last = excluded.last, t0 = excluded.t0, t1 = excluded.t1,
          in0 = excluded.in0, in1 = excluded.in1, out0 = excluded.out0, out1 = excluded.out1
        RETURNING module, pack, xmax = 0 AS added`,
      list.values,
    );
    added.push(...written.filter((row) => row.get("added") === true));
  }
  return added;
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
  const rows = stays.map(({ id, stay: { module, start, end } }, i): Parameter[] => [
    ...[i, id, module, start.in, end.in, start.out, end.out],
  ]);
  const found: ModuleTwice[] = [];
  const types = ["integer", "bigint", "text", "bigint", "bigint", "bigint", "bigint"];
  for (const list of valueLists(rows, types)) {
    const others = await session.all(
      `SELECT own.i, pack.name, ${STAY_COLUMNS.split(", ").map((column) => `other.${column}`)}
        FROM (VALUES ${list.text}) AS own (i, pack, module, in0, in1, out0, out1)
        JOIN wattseal.stay AS other ON other.module = own.module COLLATE "C" AND other.pack <> own.pack
        JOIN wattseal.pack ON pack.id = other.pack
        WHERE least(own.in1, other.in1) > greatest(own.in0, other.in0)
          OR least(own.out1, other.out1) > greatest(own.out0, other.out0)
        ORDER BY own.i, other.first`,
      list.values,
    );
    for (const row of others) {
      const own = stays[integer(row, "i")];
      if (own === undefined) continue;
      found.push(twiceOf(own, { pack: packName(text(row, "name")), stay: stayOf(row) }));
    }
  }
  return found;
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
