// `npm run deploy -- embedded | site | cluster`: a whole deployment from this checkout, until Ctrl-C.
import "./lib/require-node.mjs";
import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Deployment, KINDS } from "./lib/deploy/deployment.mjs";
import { requirePrograms } from "./lib/deploy/programs.mjs";
import { main } from "./lib/main.mjs";
import { cache, prepare } from "./lib/prepare.mjs";
import { StepFailed, say } from "./lib/run.mjs";

const USAGE = `npm run deploy -- <embedded | site | cluster> [--state <dir>] [--database <url>] [--workers <n>] [--speed <n>]
Runs a federation and one simulated pack on this machine, over a broker as deploy/ configures it, until Ctrl-C.
  embedded  the federation's own broker; needs nothing else
  site      mosquitto, TLS with certificates
  cluster   three nats-server nodes, TLS with certificates; where PostgreSQL is installed, and no --state is named,
            a server of its own that is gone afterwards, and two workers
  --database, --workers
            a PostgreSQL that is there already, postgres://USER@HOST:PORT/DATABASE, instead of SQLite; with it a
            cluster can have several workers (default: 1)
  --speed   simulated seconds of the pack in one second (default: 1)
  --state   keys, certificates, logs and log files; made where it does not exist, used again where it does
            (default: .cache/deploy/<kind> of this checkout, made anew with a database that is)
`;
const WORKERS_OF_OWN_DATABASE = 2;

/** @typedef {import("./lib/deploy/deployment.mjs").Wanted} Wanted */
/** @returns {(Omit<Wanted, "workers"> & { readonly workers: number | undefined, readonly mayOwnDatabase: boolean }) | undefined} */
function wanted() {
  try {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: {
        state: { type: "string" },
        database: { type: "string" },
        workers: { type: "string" },
        speed: { type: "string", default: "1" },
        help: { type: "boolean", short: "h" },
      },
    });
    if (values.help) return undefined;
    const kind = KINDS.find((known) => known === positionals[0]);
    if (kind === undefined || positionals.length > 1)
      throw new Error(`name one of ${KINDS.join(", ")}`);
    const { state, database } = values;
    const mayOwnDatabase = kind === "cluster" && state === undefined && database === undefined;
    const workers = workersIn(values.workers);
    const hasDatabase = kind === "cluster" && (mayOwnDatabase || database !== undefined);
    if (workers !== undefined && workers > 1 && !hasDatabase) {
      throw new Error("several workers need a cluster and a --database");
    }
    const speed = Number(values.speed);
    if (!(speed > 0)) throw new Error("--speed is a number above 0");
    return {
      kind,
      mayOwnDatabase,
      workers,
      speed,
      ...(database && { database }),
      state: resolve(state ?? join(cache, "deploy", kind)),
    };
  } catch (error) {
    throw new StepFailed(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`, 2);
  }
}

/** @param {string | undefined} text */
function workersIn(text) {
  if (text === undefined) return undefined;
  const workers = Number(text);
  if (Number.isSafeInteger(workers) && workers >= 1) return workers;
  throw new Error("--workers is a number from 1 on");
}

/** Undefined where PostgreSQL is not installed. It needs packages that are there only once all is prepared. */
async function ownDatabase() {
  const { PostgresServer, postgresMissing } = await import("./lib/postgres.mjs");
  return postgresMissing() === undefined ? PostgresServer.start() : undefined;
}

/** @returns {Promise<void>} */
function untilSignal() {
  return new Promise((stop) => {
    process.on("SIGINT", () => stop()).on("SIGTERM", () => stop());
  });
}

await main(async () => {
  const options = wanted();
  if (options === undefined) {
    process.stdout.write(USAGE);
    return;
  }
  requirePrograms(options.kind);
  const signal = untilSignal();
  await prepare({ project: "packages/wattseal" });
  const server = options.mayOwnDatabase ? await ownDatabase() : undefined;
  // What a kept state says of a database that is gone would contradict the next one.
  if (server !== undefined) rmSync(options.state, { recursive: true, force: true });
  const { workers = server === undefined ? 1 : WORKERS_OF_OWN_DATABASE } = options;
  if (workers > 1 && server === undefined && options.database === undefined) {
    throw new StepFailed(
      "several workers need PostgreSQL: apt-get install postgresql, or a --database",
      2,
    );
  }
  const database = await server?.createDatabase();
  const deployment = await Deployment.start({ ...options, workers, ...(database && { database }) });
  for (const [what, value] of deployment.addresses) process.stdout.write(`${what}: ${value}\n`);
  await Promise.race([signal, deployment.witnessed()]);
  process.stdout.write("The federation has witnessed the pack's log. Ctrl-C stops all of it.\n");
  await signal;
  say("stopping");
  await deployment.stop();
  await server?.close();
});
