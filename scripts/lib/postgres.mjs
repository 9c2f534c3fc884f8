// A PostgreSQL server of a test's or a benchmark's own: in a temporary directory, on a unix socket, gone with its owner.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import { childrenOf, cpuSecondsOf, statOf } from "./proc.mjs";
import { searchPath } from "./system-packages.mjs";

/** @type {string} */
const PROGRAM = "postgres";
/** @type {string} */
const MAKER = "initdb";
const PORT = 5432;
const SUPERUSER = "postgres";
/** Owner of the databases that are made here; the server trusts it. */
const OWNER = "wattseal";
/** A role that has to give PASSWORD, and owns nothing. */
export const GUARDED = "guarded";
export const PASSWORD = "correct horse battery staple";

/**
 * Run by sh with the folder as $0 and the command after it. Standard input closes with whoever started this, however that
 * ends: then the server ends too, and its folder goes unless a line said that it is still wanted.
 */
const SUPERVISE = [
  "trap '' INT TERM HUP", // a terminal's: whoever started this ends by it, and this after that
  'exec 2>>"$0/log"; "$@" & pid=$!; echo $pid',
  "read -r keep; kill -QUIT $pid 2>/dev/null; wait $pid",
  '[ -n "$keep" ] || rm -rf "$0"',
].join("; ");
const STARTED_WITHIN_MS = 60_000;

const env = { ...process.env, PATH: searchPath(), LC_ALL: "C" };

/** Why no server can be started here; undefined where it can. */
export function postgresMissing() {
  try {
    execFileSync(PROGRAM, ["--version"], { stdio: "ignore", env });
    execFileSync(MAKER, ["--version"], { stdio: "ignore", env });
  } catch {
    return "PostgreSQL is not installed; apt-get install postgresql";
  }
  if (process.getuid?.() === 0 && unprivileged() === undefined) {
    return "PostgreSQL does not run as root, and this system has neither a user postgres nor nobody";
  }
  return undefined;
}

/** Who the server runs as; nothing to change where this process is no root's. */
function identity() {
  return process.getuid?.() === 0 ? unprivileged() : {};
}

/** @returns {{ uid: number, gid: number } | undefined} */
function unprivileged() {
  const users = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"));
  const found = ["postgres", "nobody"].map((name) => users.find(([user]) => user === name));
  const [, , uid, gid] = found.find((user) => user !== undefined) ?? [];
  return uid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) };
}

export class PostgresServer {
  /** Of the data and the socket. */
  folder;
  #settings;
  #databases = 0;
  /** @type {import("node:child_process").ChildProcess | undefined} */
  #supervisor;
  #pid = 0;

  /**
   * @param {string} folder
   * @param {readonly string[]} settings
   */
  constructor(folder, settings) {
    this.folder = folder;
    this.#settings = settings;
  }

  /**
   * @param {object} [options]
   * @param {string} [options.parent] folder in which its own is made; on the disk to be measured. Default: temporary files
   * @param {readonly string[]} [options.settings] as name=value
   */
  static async start({ parent = tmpdir(), settings = [] } = {}) {
    const folder = mkdtempSync(join(parent, "wattseal-postgres-"));
    const { uid, gid } = {
      uid: process.getuid?.() ?? 0,
      gid: process.getgid?.() ?? 0,
      ...identity(),
    };
    chownSync(folder, uid, gid);
    const server = new PostgresServer(folder, settings);
    try {
      const options = ["--no-sync", "--encoding=UTF8", "--locale=C", "--auth=trust"];
      execFileSync(MAKER, ["-D", server.#data, "-U", SUPERUSER, ...options], {
        ...identity(),
        stdio: ["ignore", "ignore", "pipe"],
        env,
      });
      const access = [`local all ${GUARDED} scram-sha-256`, "local all all trust", ""].join("\n");
      writeFileSync(join(server.#data, "pg_hba.conf"), access);
      await server.up();
      await server.query("postgres", `CREATE ROLE ${OWNER} LOGIN`);
      await server.query("postgres", `CREATE ROLE ${GUARDED} LOGIN PASSWORD '${PASSWORD}'`);
    } catch (error) {
      await server.close();
      throw error;
    }
    return server;
  }

  get #data() {
    return join(this.folder, "data");
  }

  /** Starts it, again after a kill: while processes of the server before still end, the next one does not start. */
  async up() {
    const deadline = Date.now() + STARTED_WITHIN_MS;
    while (!(await this.#tryUp())) {
      if (Date.now() > deadline) throw new Error(`PostgreSQL does not start: ${this.log()}`);
      await pause(20);
    }
  }

  async #tryUp() {
    const settings = [
      "listen_addresses=",
      `port=${PORT}`,
      `unix_socket_directories=${this.folder}`,
      "logging_collector=off",
      "max_connections=40",
      ...this.#settings,
    ].flatMap((setting) => ["-c", setting]);
    const command = [PROGRAM, "-D", this.#data, ...settings];
    const supervisor = spawn("sh", ["-c", SUPERVISE, this.folder, ...command], {
      ...identity(),
      stdio: ["pipe", "pipe", "ignore"],
      env,
    });
    this.#supervisor = supervisor;
    const lines = createInterface({ input: supervisor.stdout });
    const [line] = await once(lines, "line");
    lines.resume();
    this.#pid = Number(line);
    while (isAlive(this.#pid)) {
      if (this.#isReady()) return true;
      await pause(10);
    }
    await this.#endSupervisor();
    return false;
  }

  /** As pg_ctl tells it: the pid file's first line is its process, the eighth its state. */
  #isReady() {
    try {
      const lines = readFileSync(join(this.#data, "postmaster.pid"), "utf8").split("\n");
      return Number(lines[0]) === this.#pid && lines[7]?.trim() === "ready";
    } catch {
      return false;
    }
  }

  /** What it has written about itself. */
  log() {
    return readFileSync(join(this.folder, "log"), "utf8");
  }

  /** kill -9 of the server; its other processes end as they notice. */
  async kill() {
    if (isAlive(this.#pid)) process.kill(this.#pid, "SIGKILL");
    await this.#endSupervisor();
  }

  async #endSupervisor() {
    const supervisor = this.#supervisor;
    this.#supervisor = undefined;
    if (supervisor === undefined || supervisor.exitCode !== null) return;
    const closed = once(supervisor, "close");
    supervisor.stdin?.end("keep\n");
    await closed;
  }

  /** Stops it at once, and removes its folder. */
  async close() {
    await this.#endSupervisor();
    // Processes of a killed server may write a moment longer.
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  /** @returns {Promise<string>} url of a new, empty database */
  async createDatabase(owner = OWNER) {
    this.#databases += 1;
    const name = `store${this.#databases}`;
    await this.query("postgres", `CREATE DATABASE ${name} OWNER ${owner}`);
    return this.url(name);
  }

  /** @param {string} database */
  url(database, user = OWNER) {
    return `postgres://${user}@/${database}?host=${this.folder}`;
  }

  /** Where it listens; somebody else's port may lead there. */
  get socket() {
    return join(this.folder, `.s.PGSQL.${PORT}`);
  }

  /** The same database through such a port on 127.0.0.1. @param {string} url @param {number} port */
  through(url, port) {
    return url.replace(/@\/([^?]+).*$/, `@127.0.0.1:${port}/$1`);
  }

  /**
   * As superuser.
   *
   * @param {string} database name, or url
   * @param {string} sql
   * @returns {Promise<Record<string, unknown>[]>}
   */
  async query(database, sql) {
    const name = database.startsWith("postgres:")
      ? database.replace(/^.*@\/([^?]+).*$/, "$1")
      : database;
    const client = new pg.Client({
      host: this.folder,
      port: PORT,
      user: SUPERUSER,
      database: name,
      ssl: false,
    });
    client.on("error", () => {}); // a kill meanwhile: the query tells
    await client.connect();
    try {
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  }

  /** CPU-seconds, user and system, of all its processes since it was started, those that ended included. */
  cpuSeconds() {
    return [this.#pid, ...childrenOf(this.#pid)]
      .map((pid) => cpuSecondsOf(pid, pid === this.#pid))
      .reduce((sum, seconds) => sum + seconds, 0);
  }
}

/** @param {number} pid */
function isAlive(pid) {
  const [state] = statOf(pid);
  return state !== undefined && state !== "Z";
}
