/**
 * The registry's file, apart from the worker's. Who can write it can have a token spent that was never granted, or take
 * an ending back; he can sign no document and no statement, and whoever has seen a final statement keeps it.
 */
import { type LctId, lctId, type Millis, millis, sha256 } from "@wattseal/base";
import type { PendingEnrolment } from "@wattseal/lct-keys";
import { blob, integer, type Row, text, textOrNone } from "../store/row.js";
import { Database } from "../store/sqlite/database.js";
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
import { REGISTRY_SCHEMA } from "./schema.js";

/** Of a challenge whose token is still to be spent. */
const UNMET = "token IN (SELECT hash FROM token WHERE spent_on IS NULL)";

export class SqliteRegistryStore implements RegistryStore {
  readonly #db: Database;

  private constructor(db: Database) {
    this.#db = db;
  }

  /** Makes the directory and the database where there are none. Throws FederationError. */
  static async open(directory: string): Promise<SqliteRegistryStore> {
    return new SqliteRegistryStore(await Database.open(directory, REGISTRY_SCHEMA));
  }

  async addToken(token: StoredToken): Promise<void> {
    const { hash, created, expires } = token;
    this.#db.run("INSERT INTO token (hash, grants, created, expires) VALUES (?, ?, ?, ?)", [
      hash,
      encodeGrant(token),
      created,
      expires,
    ]);
  }

  async token(hash: Uint8Array): Promise<StoredToken | undefined> {
    const row = this.#db.get(`SELECT ${TOKEN_COLUMNS} FROM token WHERE hash = ?`, [hash]);
    return row && storedToken(row);
  }

  async tokens(): Promise<readonly StoredToken[]> {
    return this.#db
      .all(`SELECT ${TOKEN_COLUMNS} FROM token ORDER BY created, hash`)
      .map(storedToken);
  }

  async keepPending(
    token: Uint8Array,
    pending: PendingEnrolment,
    { most, now }: { readonly most: number; readonly now: Millis },
  ): Promise<"kept" | "full"> {
    return this.#db.transaction(() => {
      this.#db.run(`DELETE FROM pending WHERE expires < ? AND ${UNMET}`, [now]);
      const sql = `SELECT count(*) AS n FROM pending WHERE token <> ? AND ${UNMET}`;
      const others = this.#db.get(sql, [token]);
      if (others === undefined || integer(others, "n") >= most) return "full";
      this.#db.run(
        "INSERT OR REPLACE INTO pending (token, lct, expires, record) VALUES (?, ?, ?, ?)",
        [token, pending.lct, pending.expires, encodePending(pending)],
      );
      return "kept";
    });
  }

  async pending(token: Uint8Array): Promise<PendingEnrolment | undefined> {
    const row = this.#db.get("SELECT record FROM pending WHERE token = ?", [token]);
    return row && decodePending(blob(row, "record"));
  }

  async outstanding(): Promise<readonly { readonly lct: LctId; readonly expires: Millis }[]> {
    const sql = `SELECT lct, expires FROM pending WHERE ${UNMET} ORDER BY lct`;
    return this.#db.all(sql).map((row) => ({
      lct: lctId(text(row, "lct")),
      expires: millis(integer(row, "expires")),
    }));
  }

  async settle(
    token: Uint8Array,
    admission: Admission,
    predecessor: Ending | undefined,
  ): Promise<Admitted | "spent"> {
    return this.#db.transaction(() => {
      const row = this.#db.get("SELECT spent_on FROM token WHERE hash = ?", [token]);
      if (row === undefined || textOrNone(row, "spent_on") !== undefined) return "spent";
      // First the predecessor: its TPM may be the very one that the new LCT is in.
      const outcome = this.#admissible(admission, predecessor?.lct);
      if (outcome !== "admitted") return outcome;
      this.#admit(admission);
      if (predecessor !== undefined) this.#end(predecessor);
      this.#db.run("UPDATE token SET spent_on = ? WHERE hash = ?", [admission.lct, token]);
      return "admitted";
    });
  }

  async admit(admission: Admission): Promise<boolean> {
    return this.#db.transaction(() => this.#admitUnknown(admission));
  }

  async lct(lct: LctId): Promise<StoredLct | undefined> {
    const row = this.#db.get(`SELECT ${LCT_COLUMNS} FROM lct WHERE lct = ?`, [lct]);
    return row && this.#stored(row);
  }

  async lcts(after: string, limit: number): Promise<readonly StoredLct[]> {
    return this.#db
      .all(`SELECT ${LCT_COLUMNS} FROM lct WHERE lct > ? ORDER BY lct LIMIT ?`, [after, limit])
      .map((row) => this.#stored(row));
  }

  async end(ending: Ending): Promise<boolean> {
    return this.#db.transaction(() => this.#end(ending));
  }

  async slash(ending: Ending, evidence: KeptEvidence, unknown: Admission): Promise<boolean> {
    return this.#db.transaction(() => {
      this.#admitUnknown(unknown);
      this.#keep(evidence);
      return this.#end(ending);
    });
  }

  async ended(): Promise<readonly Pick<Ending, "lct" | "state">[]> {
    return this.#db
      .all("SELECT lct, state FROM lct WHERE state <> 'active' ORDER BY lct")
      .flatMap(endedOf);
  }

  async endedCount(): Promise<number> {
    const row = this.#db.get("SELECT count(*) AS n FROM lct WHERE state <> 'active'", []);
    return row === undefined ? 0 : integer(row, "n");
  }

  async evidence(lct: LctId): Promise<readonly KeptEvidence[]> {
    return this.#db
      .all(`SELECT ${EVIDENCE_COLUMNS} FROM evidence WHERE lct = ? ORDER BY digest`, [lct])
      .map(evidenceOf);
  }

  close(): Promise<void> {
    return this.#db.close();
  }

  #admissible(
    { lct, kind, anchor, hardware }: Admission,
    predecessor: LctId | undefined,
  ): Admitted {
    const twin = this.#db.get("SELECT lct FROM lct WHERE lct = ? OR anchor = ?", [lct, anchor]);
    if (twin !== undefined) return "anchor-known";
    if (hardware === undefined) return "admitted";
    const beside = this.#db.get(
      "SELECT lct FROM lct WHERE hardware = ? AND kind = ? AND state = 'active' AND lct <> ?",
      [hardware, kind, predecessor ?? ""],
    );
    return beside === undefined ? "admitted" : "hardware-known";
  }

  #admitUnknown(admission: Admission): boolean {
    const known = this.#db.get("SELECT lct FROM lct WHERE lct = ?", [admission.lct]);
    if (known === undefined) this.#admit(admission);
    return known === undefined;
  }

  #admit({ lct, kind, since, document, statement, anchor, ...more }: Admission): void {
    this.#db.run(
      "INSERT INTO lct (lct, kind, state, since, anchor, hardware, pcr_digest, document) VALUES (?, ?, 'active', ?, ?, ?, ?, ?)",
      [lct, kind, since, anchor, more.hardware ?? null, more.pcrDigest ?? null, document],
    );
    this.#state(lct, statement);
  }

  #end({ lct, state, since, statement }: Ending): boolean {
    const sql = "UPDATE lct SET state = ?, since = ? WHERE lct = ? AND state = 'active'";
    if (this.#db.run(sql, [state, since, lct]) === 0) return false;
    this.#state(lct, statement);
    return true;
  }

  #state(lct: LctId, statement: Uint8Array): void {
    this.#db.run(
      "INSERT INTO statement (lct, number, sign1) SELECT ?, count(*) + 1, ? FROM statement WHERE lct = ?",
      [lct, statement, lct],
    );
  }

  #keep({ lct, kind, size, payload, receipt }: KeptEvidence): void {
    const kept = this.#db.get("SELECT count(*) AS n FROM evidence WHERE lct = ?", [lct]);
    if (kept === undefined || integer(kept, "n") >= MAX_EVIDENCE) return;
    this.#db.run(
      "INSERT OR IGNORE INTO evidence (lct, digest, kind, size, payload, receipt) VALUES (?, ?, ?, ?, ?, ?)",
      [lct, sha256(payload), kind, size, payload, receipt],
    );
  }

  #stored(row: Row): StoredLct {
    const sql = "SELECT sign1 FROM statement WHERE lct = ? ORDER BY number";
    const statements = this.#db.all(sql, [text(row, "lct")]);
    return storedLct(row, statements);
  }
}
