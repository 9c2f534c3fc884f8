/** What PostgreSQL says, as what the operator can do about it. SQLSTATE: PostgreSQL 15, appendix A. */
import { InvariantViolation, messageOf, WattsealError } from "@wattseal/base";
import pg from "pg";
import { FederationError } from "../../errors.js";
import type { PostgresTarget } from "./target.js";

/** The transaction did not happen, for no fault of its own: serialization_failure, deadlock_detected. */
const CONTENTION = new Set(["40001", "40P01"]);
/** insufficient_privilege, invalid_schema_name of a schema that may not be made. */
const NO_RIGHTS = new Set(["42501"]);
const NO_DATABASE = "3D000";
const DISK_FULL = "53100";
/** Class 28: who it is, or how it proves that, is refused. */
const REFUSED_ROLE = "28";
/**
 * Class 08: connection; 57P01 to 57P04: the server shuts down, has crashed, is starting, drops the database; 53300: all
 * its connections are taken.
 */
const AWAY = /^(?:08...|57P0[1-4]|53300)$/;

/** Codes of node:tls, and what `pg` says of a server without TLS. */
const UNPROVEN = /^(?:ERR_TLS_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/;
const WITHOUT_TLS = "does not support SSL";

function isUnproven(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = "code" in error ? String(error.code) : "";
  return UNPROVEN.test(code) || error.message.includes(WITHOUT_TLS);
}

/** Of an error that the server sent; undefined when the connection itself failed. */
function sqlState(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined;
}

export function isContention(error: unknown): boolean {
  return CONTENTION.has(sqlState(error) ?? "");
}

/** No answer, or one that says so. What was asked before a commit was asked for has not happened. */
export function isAway(error: unknown): boolean {
  if (error instanceof WattsealError) return false;
  const state = sqlState(error);
  if (state !== undefined) return AWAY.test(state);
  return !(error instanceof pg.DatabaseError) && !(error instanceof TypeError);
}

/** Every failure as FederationError; this project's own errors as they are. */
export function explained(error: unknown, target: PostgresTarget): Error {
  if (error instanceof FederationError || error instanceof InvariantViolation) return error;
  const state = sqlState(error) ?? "";
  const said = messageOf(error);
  const { user, database } = target;
  const failure = (code: "store-access" | "store-unreachable" | "store-failed", text: string) =>
    new FederationError(code, text, { cause: error });
  if (state === NO_DATABASE) {
    return failure(
      "store-access",
      `PostgreSQL at ${target.place} has no database ${database}. Make it: createdb --owner=${user} ${database}`,
    );
  }
  if (state.startsWith(REFUSED_ROLE) || /password/i.test(said)) {
    return failure(
      "store-access",
      `PostgreSQL at ${target.place} does not let ${user} into ${database}: ${said}. Give the password in a file (store.passwordFile) or in PGPASSFILE, and see pg_hba.conf on the server`,
    );
  }
  if (NO_RIGHTS.has(state)) {
    return failure(
      "store-access",
      `${user} may not do this in the database ${database} at ${target.place}: ${said}. Give it the database (ALTER DATABASE ${database} OWNER TO ${user}), or what is missing`,
    );
  }
  if (state === DISK_FULL) {
    return failure("store-failed", `PostgreSQL at ${target.place} has no disk space left: ${said}`);
  }
  if (isUnproven(error)) {
    return failure(
      "store-access",
      `PostgreSQL at ${target.place} does not prove that it is ${target.host}: ${said}. Name the authority of its certificate with sslrootcert`,
    );
  }
  if (isAway(error)) {
    return failure(
      "store-unreachable",
      `PostgreSQL at ${target.place} does not answer: ${said}. Is it running, and does it listen there?`,
    );
  }
  return failure("store-failed", `PostgreSQL at ${target.place}: ${said}`);
}
