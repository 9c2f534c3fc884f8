// `npm run chaos -- embedded | site | cluster [kills [seed]]`: everything is killed and cut at random, and a tally.
import "./lib/require-node.mjs";
import { KINDS } from "./lib/deploy/deployment.mjs";
import { requirePrograms } from "./lib/deploy/programs.mjs";
import { killArguments } from "./lib/kill/arguments.mjs";
import { main } from "./lib/main.mjs";
import { prepare } from "./lib/prepare.mjs";
import { StepFailed } from "./lib/run.mjs";

const KILLS = 100;
const USAGE = `npm run chaos -- <embedded | site | cluster> [kills [seed]]
Runs a deployment with four packs in two gateway processes, kills -9 at random what it consists of, all at the same time, and
cuts its connections (broken, late, half-open) as they carry entries and receipts. Fails if an entry that a gateway
acknowledged is lost or doubled, a receipt does not verify, or a log is not its copy.
  embedded  gateways; the federation with its broker and database
  site      gateways; mosquitto; the worker with its database
  cluster   gateways; a node of three; a worker of two; PostgreSQL
  kills     how many of each (default ${KILLS})
  seed      of what is killed and cut, and when; printed at its start (default: another one each time)
`;

await main(async () => {
  const [word, ...words] = process.argv.slice(2);
  const kind = KINDS.find((known) => known === word);
  const asked = killArguments(kind === undefined ? ["--help"] : words, {
    usage: USAGE,
    kills: KILLS,
  });
  if (kind === undefined) throw new StepFailed(`name one of ${KINDS.join(", ")}`, 2);
  if (asked === undefined) return;
  requirePrograms(kind);
  await prepare({ project: "packages/wattseal" });
  const { postgresMissing } = await import("./lib/postgres.mjs");
  const missing = kind === "cluster" ? postgresMissing() : undefined;
  if (missing !== undefined) throw new StepFailed(missing, 3);
  const { chaos } = await import("./lib/chaos/run.mjs");
  const { formatTally } = await import("./lib/chaos/tally.mjs");
  process.stdout.write(`${formatTally(await chaos(kind, asked.kills, asked.seed))}\n`);
});
