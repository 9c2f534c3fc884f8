/** A federation that moves from a file to a shared database takes its registry along: no ending is forgotten, no token lost. */
import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import { FederationError } from "../errors.js";
import type { Session } from "../store/postgres/database.js";
import type { Row, Value } from "../store/row.js";
import { Database } from "../store/sqlite/database.js";
import { REGISTRY_SCHEMA } from "./schema.js";

/** Tables there and here, and their columns; what others refer to comes first. */
const TABLES = [
  ["token", "registry_token", ["hash", "grants", "created", "expires", "spent_on"]],
  ["pending", "registry_pending", ["token", "lct", "expires", "record"]],
  ["lct", "lct", ["lct", "kind", "state", "since", "anchor", "hardware", "pcr_digest", "document"]],
  ["statement", "lct_statement", ["lct", "number", "sign1"]],
  ["evidence", "lct_evidence", ["lct", "digest", "kind", "size", "payload", "receipt"]],
] as const;

/** Of several files that know an LCT: what has ended in one of them has ended, and nothing leads out of that. */
const ENDS = `ON CONFLICT (lct) DO UPDATE SET state = excluded.state, since = excluded.since
  WHERE lct.state = 'active' AND excluded.state <> 'active'`;

/** Killed before the file has its other name it copies again, which changes nothing. Throws FederationError. */
export async function takeUpFile(
  directory: string,
  change: (copy: (session: Session) => Promise<void>) => Promise<void>,
): Promise<boolean> {
  const path = join(directory, REGISTRY_SCHEMA.file);
  if (!existsSync(path)) return false;
  const file = await Database.open(directory, REGISTRY_SCHEMA);
  try {
    await change((session) => copyAll(file, session));
  } finally {
    await file.close();
  }
  renameSync(path, `${path}.moved`);
  return true;
}

async function copyAll(file: Database, session: Session): Promise<void> {
  for (const [from, to, columns] of TABLES) {
    const places = columns.map((_, i) => `$${i + 1}`).join(", ");
    const known = to === "lct" ? ENDS : "ON CONFLICT DO NOTHING";
    const sql = `INSERT INTO wattseal.${to} (${columns.join(", ")}) VALUES (${places}) ${known}`;
    for (const row of file.all(`SELECT ${columns.join(", ")} FROM ${from}`)) {
      await session.run(
        sql,
        columns.map((column) => cell(row, column)),
      );
    }
  }
}

function cell(row: Row, column: string): Value {
  const value = row.get(column);
  if (value === null || typeof value === "number" || typeof value === "string") return value;
  if (value instanceof Uint8Array) return value;
  throw new FederationError("store-corrupt", `the registry's column ${column} holds no such value`);
}
