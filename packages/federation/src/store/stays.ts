/** Where each module has been, and who claims the same of its counters: rows beside the leaves, in their transaction. */
import { decodeCbor, encodeCbor, Fields, millis, moduleUid } from "@wattseal/base";
import type { Stay } from "@wattseal/energy-ledger";
import { type PackName, packName } from "@wattseal/uplink";
import { MAX_STAYS, type ModuleTwice } from "./port.js";
import { type Access, blob, integer, type Row, text } from "./row.js";

const ANY = { least: 0, most: Number.MAX_SAFE_INTEGER } as const;
const COLUMNS = "module, first, last, t0, t1, in0, in1, out0, out1";

/** Keeps the stay, and whoever else claims what it claims. */
export function storeStay(
  access: Access,
  { id, pack }: { readonly id: number; readonly pack: PackName },
  stay: Stay,
): void {
  const { module, start, end } = stay;
  access.run(
    `INSERT OR REPLACE INTO stay (pack, ${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    [id, ...valuesOf(stay)],
  );
  access.run(
    `DELETE FROM stay WHERE module = ? AND pack = ? AND first <=
      (SELECT first FROM stay WHERE module = ? AND pack = ? ORDER BY first DESC LIMIT 1 OFFSET ${MAX_STAYS})`,
    [module, id, module, id],
  );
  const others = access.all(
    `SELECT name, ${COLUMNS} FROM stay JOIN pack ON pack.id = stay.pack WHERE module = ? AND stay.pack <> ?
      AND (min(in1, ?) > max(in0, ?) OR min(out1, ?) > max(out0, ?)) ORDER BY first`,
    [module, id, end.in, start.in, end.out, start.out],
  );
  for (const row of others) {
    const other = { pack: packName(text(row, "name")), stay: stayOf(row) };
    const both = [{ pack, stay }, other].sort((a, b) => (a.pack < b.pack ? -1 : 1));
    const [a = other, b = other] = both;
    access.run("INSERT OR IGNORE INTO twice (module, a, b, stays) VALUES (?, ?, ?, ?)", [
      module,
      a.pack,
      b.pack,
      encodeCbor([a, b].map(({ stay: one }) => valuesOf(one).slice(1))),
    ]);
  }
}

export function twiceIn(access: Access, which: "all" | "untold"): readonly ModuleTwice[] {
  const untold = which === "untold" ? "WHERE told = 0" : "";
  const rows = access.all(
    `SELECT module, a, b, stays FROM twice ${untold} ORDER BY module, a, b`,
    [],
  );
  return rows.map((row) => {
    const module = moduleUid(text(row, "module"));
    const what = `stays of module ${module}`;
    const stays = new Fields(decodeCbor(blob(row, "stays"), { what }), what, 2);
    const stayAt = (i: number): Stay => {
      const fields = new Fields(stays.value(i), what, COLUMN_COUNT);
      const at = (place: number) => fields.integer(place, "number", ANY);
      return {
        module,
        first: at(0),
        last: at(1),
        t0: millis(at(2)),
        t1: millis(at(3)),
        start: { in: at(4), out: at(6) },
        end: { in: at(5), out: at(7) },
      };
    };
    return {
      module,
      stays: [
        { pack: packName(text(row, "a")), stay: stayAt(0) },
        { pack: packName(text(row, "b")), stay: stayAt(1) },
      ],
    };
  });
}

export function tellTwice(access: Access, found: readonly ModuleTwice[]): void {
  for (const { module, stays } of found) {
    access.run("UPDATE twice SET told = 1 WHERE module = ? AND a = ? AND b = ?", [
      module,
      ...stays.map(({ pack }) => pack),
    ]);
  }
}

/** All but the module's. */
const COLUMN_COUNT = 8;

function valuesOf({ module, first, last, t0, t1, start, end }: Stay) {
  return [module, first, last, t0, t1, start.in, end.in, start.out, end.out];
}

function stayOf(row: Row): Stay {
  return {
    module: moduleUid(text(row, "module")),
    first: integer(row, "first"),
    last: integer(row, "last"),
    t0: millis(integer(row, "t0")),
    t1: millis(integer(row, "t1")),
    start: { in: integer(row, "in0"), out: integer(row, "out0") },
    end: { in: integer(row, "in1"), out: integer(row, "out1") },
  };
}
