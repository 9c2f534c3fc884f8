// `npm run deploy -- embedded | site | cluster`: a whole deployment from this checkout, until Ctrl-C.
import "./lib/require-node.mjs";
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
  cluster   three nats-server nodes, TLS with certificates
  --database, --workers
            a PostgreSQL that is there already, postgres://USER@HOST:PORT/DATABASE, instead of SQLite; with it a
            cluster can have several workers (default: 1)
  --speed   simulated seconds of the pack in one second (default: 1)
  --state   keys, certificates, logs and log files; made where it does not exist, used again where it does
            (default: .cache/deploy/<kind> of this checkout)
`;

/** @returns {import("./lib/deploy/deployment.mjs").Wanted | undefined} */
function wanted() {
  try {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: {
        state: { type: "string" },
        database: { type: "string" },
        workers: { type: "string", default: "1" },
        speed: { type: "string", default: "1" },
        help: { type: "boolean", short: "h" },
      },
    });
    if (values.help) return undefined;
    const kind = KINDS.find((known) => known === positionals[0]);
    if (kind === undefined || positionals.length > 1)
      throw new Error(`name one of ${KINDS.join(", ")}`);
    const workers = Number(values.workers);
    if (!Number.isSafeInteger(workers) || workers < 1)
      throw new Error("--workers is a number from 1 on");
    if (workers > 1 && (kind !== "cluster" || values.database === undefined)) {
      throw new Error("several workers need a cluster and a --database");
    }
    const speed = Number(values.speed);
    if (!(speed > 0)) throw new Error("--speed is a number above 0");
    const { database } = values;
    return {
      kind,
      workers,
      speed,
      ...(database && { database }),
      state: resolve(values.state ?? join(cache, "deploy", kind)),
    };
  } catch (error) {
    throw new StepFailed(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`, 2);
  }
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
  const deployment = await Deployment.start(options);
  for (const [what, value] of deployment.addresses) process.stdout.write(`${what}: ${value}\n`);
  await Promise.race([signal, deployment.witnessed()]);
  process.stdout.write("The federation has witnessed the pack's log. Ctrl-C stops all of it.\n");
  await signal;
  say("stopping");
  await deployment.stop();
});
