/**
 * The registry in the database that the workers of a fleet share: any of them may have it, and all of them read it. What
 * changes something does so alone, under one lock: it is rare, and what is compared cannot move meanwhile. Who can write
 * the database can have a token spent that was never granted, or take an ending back. Forks that he writes there end nobody
 * (./kept-forks.ts), and whoever has seen a final statement keeps it.
 */
import { type LctId, lctId, type Millis, millis, sha256 } from "@wattseal/base";
import type { PendingEnrolment } from "@wattseal/lct-keys";
import { Database, type Session } from "../store/postgres/database.js";
import { migrate } from "../store/postgres/migrate.js";
import type { PostgresOptions } from "../store/postgres/postgres.js";
import { postgresTarget } from "../store/postgres/target.js";
import { blob, integer, text, textOrNone } from "../store/row.js";
import type {
  Admission,
  Admitted,
  Ending,
  KeptEvidence,
  RegistryStore,
  StoredLct,
  StoredToken,
} from "./port.js";
import { decodePending, encodeGrant, encodePending } from "./records.js";
import {
  EVIDENCE_COLUMNS,
  endedOf,
  evidenceOf,
  LCT_COLUMNS,
  MAX_EVIDENCE,
  storedLct,
  storedToken,
  TOKEN_COLUMNS,
} from "./row.js";
import { takeUpFile } from "./take-up.js";

/** Of whoever changes the registry: "wsfd" and 2, for pg_advisory_xact_lock(int, int). */
const LOCK = "SELECT pg_advisory_xact_lock(2004051556, 2)";
/** Of a challenge whose token is still to be spent. */
const UNMET = "token IN (SELECT hash FROM wattseal.registry_token WHERE spent_on IS NULL)";

export class PostgresRegistryStore implements RegistryStore {
  readonly #db: Database;

  private constructor(db: Database) {
    this.#db = db;
  }

  /** Makes or updates the tables of the federation's whole database. Throws FederationError. */
  static async open({ url, password }: PostgresOptions): Promise<PostgresRegistryStore> {
    const db = new Database(postgresTarget(url), password);
    try {
      await migrate(db);
      return new PostgresRegistryStore(db);
    } catch (error) {
      await db.close();
      throw error;
    }
  }

  /** A registry's file that is in the folder, from before it stood here: once, and then the file has another name. */
  async takeUp(directory: string): Promise<boolean> {
    return takeUpFile(directory, (copy) => this.#change(copy));
  }

  async addToken(token: StoredToken): Promise<void> {
    const { hash, created, expires } = token;
    await this.#change((session) =>
      session.run(
        "INSERT INTO wattseal.registry_token (hash, grants, created, expires) VALUES ($1, $2, $3, $4)",
        [hash, encodeGrant(token), created, expires],
      ),
    );
  }

  async token(hash: Uint8Array): Promise<StoredToken | undefined> {
    const sql = `SELECT ${TOKEN_COLUMNS} FROM wattseal.registry_token WHERE hash = $1`;
    const [row] = await this.#db.all(sql, [hash]);
    return row && storedToken(row);
  }

  async tokens(): Promise<readonly StoredToken[]> {
    const sql = `SELECT ${TOKEN_COLUMNS} FROM wattseal.registry_token ORDER BY created, hash`;
    return (await this.#db.all(sql)).map(storedToken);
  }

  async keepPending(
    token: Uint8Array,
    pending: PendingEnrolment,
    { most, now }: { readonly most: number; readonly now: Millis },
  ): Promise<"kept" | "full"> {
    return this.#change(async (session) => {
      await session.run(`DELETE FROM wattseal.registry_pending WHERE expires < $1 AND ${UNMET}`, [
        now,
      ]);
      const sql = `SELECT count(*) AS n FROM wattseal.registry_pending WHERE token <> $1 AND ${UNMET}`;
      const [others] = await session.all(sql, [token]);
      if (others === undefined || integer(others, "n") >= most) return "full";
      await session.run(
        `INSERT INTO wattseal.registry_pending (token, lct, expires, record) VALUES ($1, $2, $3, $4)
          ON CONFLICT (token) DO UPDATE SET lct = $2, expires = $3, record = $4`,
        [token, pending.lct, pending.expires, encodePending(pending)],
      );
      return "kept";
    });
  }

  async pending(token: Uint8Array): Promise<PendingEnrolment | undefined> {
    const sql = "SELECT record FROM wattseal.registry_pending WHERE token = $1";
    const [row] = await this.#db.all(sql, [token]);
    return row && decodePending(blob(row, "record"));
  }

  async outstanding(): Promise<readonly { readonly lct: LctId; readonly expires: Millis }[]> {
    const sql = `SELECT lct, expires FROM wattseal.registry_pending WHERE ${UNMET} ORDER BY lct`;
    return (await this.#db.all(sql)).map((row) => ({
      lct: lctId(text(row, "lct")),
      expires: millis(integer(row, "expires")),
    }));
  }

  async settle(
    token: Uint8Array,
    admission: Admission,
    predecessor: Ending | undefined,
  ): Promise<Admitted | "spent"> {
    return this.#change(async (session) => {
      const sql = "SELECT spent_on FROM wattseal.registry_token WHERE hash = $1";
      const [row] = await session.all(sql, [token]);
      if (row === undefined || textOrNone(row, "spent_on") !== undefined) return "spent";
      // First the predecessor: its TPM may be the very one that the new LCT is in.
      const outcome = await admissible(session, admission, predecessor?.lct);
      if (outcome !== "admitted") return outcome;
      await admit(session, admission);
      if (predecessor !== undefined) await end(session, predecessor);
      await session.run("UPDATE wattseal.registry_token SET spent_on = $1 WHERE hash = $2", [
        admission.lct,
        token,
      ]);
      return "admitted";
    });
  }

  async admit(admission: Admission): Promise<boolean> {
    return this.#change((session) => admitUnknown(session, admission));
  }

  async lct(lct: LctId): Promise<StoredLct | undefined> {
    const sql = `SELECT ${LCT_COLUMNS} FROM wattseal.lct WHERE lct = $1`;
    return this.#db.transaction(async (session) => {
      const [row] = await session.all(sql, [lct]);
      return row && storedLct(row, await statementsOf(session, lct));
    });
  }

  async lcts(after: string, limit: number): Promise<readonly StoredLct[]> {
    const sql = `SELECT ${LCT_COLUMNS} FROM wattseal.lct WHERE lct > $1 ORDER BY lct LIMIT $2`;
    return this.#db.transaction(async (session) => {
      const stored: StoredLct[] = [];
      for (const row of await session.all(sql, [after, limit])) {
        stored.push(storedLct(row, await statementsOf(session, text(row, "lct"))));
      }
      return stored;
    });
  }

  async end(ending: Ending): Promise<boolean> {
    return this.#change((session) => end(session, ending));
  }

  async slash(ending: Ending, evidence: KeptEvidence, unknown: Admission): Promise<boolean> {
    return this.#change(async (session) => {
      await admitUnknown(session, unknown);
      await keep(session, evidence);
      return end(session, ending);
    });
  }

  async ended(): Promise<readonly Pick<Ending, "lct" | "state">[]> {
    const sql = "SELECT lct, state FROM wattseal.lct WHERE state <> 'active' ORDER BY lct";
    return (await this.#db.all(sql)).flatMap(endedOf);
  }

  async endedCount(): Promise<number> {
    const sql = "SELECT count(*) AS n FROM wattseal.lct WHERE state <> 'active'";
    const [row] = await this.#db.all(sql);
    return row === undefined ? 0 : integer(row, "n");
  }

  async evidence(lct: LctId): Promise<readonly KeptEvidence[]> {
    const sql = `SELECT ${EVIDENCE_COLUMNS} FROM wattseal.lct_evidence WHERE lct = $1 ORDER BY digest`;
    return (await this.#db.all(sql, [lct])).map(evidenceOf);
  }

  close(): Promise<void> {
    return this.#db.close();
  }

  #change<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#db.transaction(async (session) => {
      await session.all(LOCK);
      return work(session);
    });
  }
}

function statementsOf(session: Session, lct: string) {
  const sql = "SELECT sign1 FROM wattseal.lct_statement WHERE lct = $1 ORDER BY number";
  return session.all(sql, [lct]);
}

async function admissible(
  session: Session,
  { lct, kind, anchor, hardware }: Admission,
  predecessor: LctId | undefined,
): Promise<Admitted> {
  const twin = "SELECT lct FROM wattseal.lct WHERE lct = $1 OR anchor = $2";
  if ((await session.all(twin, [lct, anchor])).length > 0) return "anchor-known";
  if (hardware === undefined) return "admitted";
  const beside =
    "SELECT lct FROM wattseal.lct WHERE hardware = $1 AND kind = $2 AND state = 'active' AND lct <> $3";
  const found = await session.all(beside, [hardware, kind, predecessor ?? ""]);
  return found.length === 0 ? "admitted" : "hardware-known";
}

async function admitUnknown(session: Session, admission: Admission): Promise<boolean> {
  const known = await session.all("SELECT lct FROM wattseal.lct WHERE lct = $1", [admission.lct]);
  if (known.length > 0) return false;
  await admit(session, admission);
  return true;
}

async function admit(session: Session, admission: Admission): Promise<void> {
  const { lct, kind, since, document, statement, anchor, hardware, pcrDigest } = admission;
  await session.run(
    `INSERT INTO wattseal.lct (lct, kind, state, since, anchor, hardware, pcr_digest, document)
      VALUES ($1, $2, 'active', $3, $4, $5, $6, $7)`,
    [lct, kind, since, anchor, hardware ?? null, pcrDigest ?? null, document],
  );
  await say(session, lct, statement);
}

async function end(session: Session, { lct, state, since, statement }: Ending): Promise<boolean> {
  const sql = "UPDATE wattseal.lct SET state = $1, since = $2 WHERE lct = $3 AND state = 'active'";
  if ((await session.run(sql, [state, since, lct])) === 0) return false;
  await say(session, lct, statement);
  return true;
}

async function say(session: Session, lct: LctId, statement: Uint8Array): Promise<void> {
  await session.run(
    `INSERT INTO wattseal.lct_statement (lct, number, sign1)
      SELECT $1, count(*) + 1, $2 FROM wattseal.lct_statement WHERE lct = $1`,
    [lct, statement],
  );
}

async function keep(session: Session, evidence: KeptEvidence): Promise<void> {
  const { lct, kind, size, payload, receipt } = evidence;
  const [kept] = await session.all(
    "SELECT count(*) AS n FROM wattseal.lct_evidence WHERE lct = $1",
    [lct],
  );
  if (kept === undefined || integer(kept, "n") >= MAX_EVIDENCE) return;
  await session.run(
    `INSERT INTO wattseal.lct_evidence (lct, digest, kind, size, payload, receipt)
      VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
    [lct, sha256(payload), kind, size, payload, receipt],
  );
}
