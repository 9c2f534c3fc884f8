import { FederationError } from "../../errors.js";
import { integer, text } from "../row.js";
import type { Database, Session } from "./database.js";
import { MIGRATIONS } from "./migrations.js";

/** Of the one who brings the database up to date: "wsfd" and 1, for pg_advisory_xact_lock(int, int). */
const LOCK = "pg_advisory_xact_lock(2004051556, 1)";
const LEAST_SERVER = 150_000;

/**
 * Brings the database to this program's version, a step a transaction; of several programs that start at once one does.
 * Throws FederationError `store-version` for a database of a newer program, `configuration` for a server that is too old
 * or does not keep what it acknowledges.
 */
export async function migrate(
  database: Database,
  migrations: readonly string[] = MIGRATIONS,
): Promise<void> {
  await requireFitServer(database);
  const { place, database: name } = database.target;
  const isCurrent = (version: number) => {
    if (version <= migrations.length) return version === migrations.length;
    throw new FederationError(
      "store-version",
      `the database ${name} at ${place} is of version ${version}, made by a newer program; this one knows version ${migrations.length}. Update this program`,
    );
  };
  while (!isCurrent(await database.transaction(versionOf))) {
    await database.transaction((session) => step(session, migrations, isCurrent));
  }
}

async function step(
  session: Session,
  migrations: readonly string[],
  isCurrent: (version: number) => boolean,
): Promise<void> {
  await session.run(`SELECT ${LOCK}`);
  const version = await versionOf(session);
  if (isCurrent(version)) return;
  if (version === 0) {
    await session.run("CREATE SCHEMA IF NOT EXISTS wattseal");
    await session.run(
      "CREATE TABLE wattseal.version (version integer PRIMARY KEY, since timestamptz NOT NULL DEFAULT now())",
    );
  }
  await session.run(migrations[version] ?? "");
  await session.run("INSERT INTO wattseal.version (version) VALUES ($1)", [version + 1]);
}

/** 0: an empty database. */
async function versionOf(session: Session): Promise<number> {
  const [row] = await session.all("SELECT to_regclass('wattseal.version') IS NULL AS fresh");
  if (row?.get("fresh") === true) return 0;
  const [last] = await session.all("SELECT max(version) AS version FROM wattseal.version");
  return last === undefined ? 0 : integer(last, "version", 0);
}

async function requireFitServer(database: Database): Promise<void> {
  const [row = new Map()] = await database.all(
    `SELECT current_setting('server_version_num')::integer AS version, current_setting('server_encoding') AS encoding,
      current_setting('fsync') AS fsync, current_setting('full_page_writes') AS pages`,
  );
  const { place } = database.target;
  const refused = (problem: string) =>
    new FederationError("configuration", `PostgreSQL at ${place} ${problem}`);
  if (integer(row, "version") < LEAST_SERVER) throw refused("is older than version 15");
  if (text(row, "encoding") !== "UTF8") {
    throw refused(
      `has the database ${database.target.database} in ${text(row, "encoding")}. Make it with: createdb --encoding=UTF8 --template=template0`,
    );
  }
  const off = [
    ...(text(row, "fsync") === "on" ? [] : ["fsync"]),
    ...(text(row, "pages") === "on" ? [] : ["full_page_writes"]),
  ];
  if (off.length > 0) {
    throw refused(
      `runs with ${off.join(" and ")} off: what it acknowledges can be lost with its machine's power. Turn it on`,
    );
  }
}
