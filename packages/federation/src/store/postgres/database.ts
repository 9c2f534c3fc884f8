/**
 * Connections to one database, and what is asked over them again when that is safe: a question whose connection broke, a
 * transaction that the server gave up (contention) or whose connection broke before its commit was asked for. What was
 * lost while it committed may be stored: whoever asked has to look.
 */
import pg from "pg";
import { FederationError } from "../../errors.js";
import { type Row, rowOf, type Value } from "../row.js";
import { explained, isAway, isContention } from "./errors.js";
import type { PostgresTarget } from "./target.js";

/** Statements inside a transaction. */
export interface Session {
  all(sql: string, values?: readonly Parameter[]): Promise<Row[]>;
  /** How many rows it touched. */
  run(sql: string, values?: readonly Parameter[]): Promise<number>;
}
export type Parameter = Value | readonly string[];

/** A worker commits one group at a time; the others are for who reads beside it. */
const MAX_CONNECTIONS = 8;
const CONNECT_MS = 10_000;
/** Without an answer for so long the connection is given up: the network may have lost it silently. */
const ANSWER_MS = 120_000;
/** The server's own patience with a transaction in which nothing is asked: a worker that vanished must not keep its packs' rows locked. */
const IDLE_MS = 60_000;
const ATTEMPTS = 5;
/** pg_type.dat */
const INT8 = 20;
const BYTEA = 17;

/** Weaker settings of the server are overruled: what is acknowledged is on its disk. `local` is, if not on a standby's. */
const DURABLE =
  "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

export class Database {
  readonly target: PostgresTarget;
  readonly #pool: pg.Pool;
  #closed = false;

  constructor(target: PostgresTarget, password: string | undefined) {
    this.target = target;
    this.#pool = new pg.Pool({
      host: target.host,
      port: target.port,
      user: target.user,
      database: target.database,
      ssl: target.tls,
      ...(password === undefined ? {} : { password }),
      application_name: "wattseal-federation",
      keepAlive: true,
      max: MAX_CONNECTIONS,
      idleTimeoutMillis: 0,
      connectionTimeoutMillis: CONNECT_MS,
      query_timeout: ANSWER_MS,
      idle_in_transaction_session_timeout: IDLE_MS,
      verify: (client, done) => {
        client.setTypeParser(INT8, Number); // `integer` refuses what is not exact
        client.setTypeParser(BYTEA, bytes);
        client.query(DURABLE).then(() => done(), done);
      },
    });
    // A connection that breaks while nobody waits for it: the next question gets another, or the reason.
    this.#pool.on("error", () => {});
    this.#pool.on("connect", (client) => {
      client.on("error", () => {});
    });
  }

  /** One question. Throws FederationError. */
  all(sql: string, values: readonly Parameter[] = []): Promise<Row[]> {
    return this.#attempts(async (client) => {
      const session = sessionOf(client);
      return session.all(sql, values);
    });
  }

  /** All or nothing, READ COMMITTED. Throws FederationError, and what `work` throws of this project's. */
  transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#attempts(async (client, committing) => {
      await client.query("BEGIN ISOLATION LEVEL READ COMMITTED");
      const result = await work(sessionOf(client));
      committing();
      const { command } = await client.query("COMMIT");
      if (command !== "COMMIT") throw new FederationError("store-failed", `it did ${command}`);
      return result;
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#pool.end();
  }

  async #attempts<T>(
    work: (client: pg.PoolClient, committing: () => void) => Promise<T>,
  ): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      if (this.#closed) throw new FederationError("store-closed", "the store is closed");
      let isCommitting = false;
      let client: pg.PoolClient | undefined;
      try {
        client = await this.#pool.connect();
        const result = await work(client, () => {
          isCommitting = true;
        });
        client.release();
        return result;
      } catch (error) {
        client?.release(true); // with it goes what it had begun
        const isLost = client !== undefined && !isCommitting && isAway(error);
        if (attempt < ATTEMPTS && (isLost || isContention(error))) continue;
        throw explained(error, this.target);
      }
    }
  }
}

function sessionOf(client: pg.PoolClient): Session {
  const ask = (text: string, values: readonly Parameter[]) =>
    client.query(text, values.map(parameter));
  return {
    all: async (sql, values = []) => (await ask(sql, values)).rows.map(rowOf),
    run: async (sql, values = []) => (await ask(sql, values)).rowCount ?? 0,
  };
}

/** A Buffer travels as it is, another Uint8Array as text. */
function parameter(value: Parameter): unknown {
  return value instanceof Uint8Array
    ? Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    : value;
}

/** PostgreSQL's hex format: \\x and two digits a byte (section 8.4.1). */
function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.slice(2), "hex"));
}
