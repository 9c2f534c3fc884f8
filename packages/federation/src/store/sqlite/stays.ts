/** Where each module has been, and who claims the same of its counters: rows beside the leaves, in their transaction. */
import { moduleUid } from "@wattseal/base";
import type { Stay } from "@wattseal/energy-ledger";
import { type PackName, packName } from "@wattseal/uplink";
import { MAX_STAYS, type ModuleTwice } from "../port.js";
import { type Access, blob, text } from "../row.js";
import {
  decodeStays,
  encodeStays,
  STAY_COLUMNS,
  stayOf,
  stayValues,
  twiceOf,
} from "../stay-row.js";

/** Keeps the stay, and whoever else claims what it claims. */
export function storeStay(
  access: Access,
  { id, pack }: { readonly id: number; readonly pack: PackName },
  stay: Stay,
): void {
  const { module, start, end } = stay;
  access.run(
    `INSERT OR REPLACE INTO stay (pack, ${STAY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    [id, ...stayValues(stay)],
  );
  access.run(
    `DELETE FROM stay WHERE module = ? AND pack = ? AND first <=
      (SELECT first FROM stay WHERE module = ? AND pack = ? ORDER BY first DESC LIMIT 1 OFFSET ${MAX_STAYS})`,
    [module, id, module, id],
  );
  const others = access.all(
    `SELECT name, ${STAY_COLUMNS} FROM stay JOIN pack ON pack.id = stay.pack WHERE module = ? AND stay.pack <> ?
      AND (min(in1, ?) > max(in0, ?) OR min(out1, ?) > max(out0, ?)) ORDER BY first`,
    [module, id, end.in, start.in, end.out, start.out],
  );
  for (const row of others) {
    const other = { pack: packName(text(row, "name")), stay: stayOf(row) };
    const found = twiceOf({ pack, stay }, other);
    access.run("INSERT OR IGNORE INTO twice (module, a, b, stays) VALUES (?, ?, ?, ?)", [
      module,
      ...found.stays.map((one) => one.pack),
      encodeStays(found),
    ]);
  }
}

export function twiceIn(access: Access, which: "all" | "untold"): readonly ModuleTwice[] {
  const untold = which === "untold" ? "WHERE told = 0" : "";
  const rows = access.all(
    `SELECT module, a, b, stays FROM twice ${untold} ORDER BY module, a, b`,
    [],
  );
  return rows.map((row) =>
    decodeStays(blob(row, "stays"), moduleUid(text(row, "module")), [
      packName(text(row, "a")),
      packName(text(row, "b")),
    ]),
  );
}

export function tellTwice(access: Access, found: readonly ModuleTwice[]): void {
  for (const { module, stays } of found) {
    access.run("UPDATE twice SET told = 1 WHERE module = ? AND a = ? AND b = ?", [
      module,
      ...stays.map(({ pack }) => pack),
    ]);
  }
}
