// `npm run kill:store [-- kills [seed]]`: kill -9 of the database under a federation's workers, and a tally.
import "./lib/require-node.mjs";
import { killArguments } from "./lib/kill/arguments.mjs";
import { main } from "./lib/main.mjs";
import { prepare } from "./lib/prepare.mjs";
import { StepFailed } from "./lib/run.mjs";

const KILLS = 100;
const USAGE = `npm run kill:store [-- kills [seed]]
Kills a PostgreSQL of its own while two federation workers commit to it, starts it again each time, and fails if anything
that was receipted is lost, doubled or something else, or the log of receipts lacks one.
  kills  how many (default ${KILLS})
  seed   of when it kills and what is sent twice; printed at its start (default: another one each time)
`;

await main(async () => {
  const asked = killArguments(process.argv.slice(2), { usage: USAGE, kills: KILLS });
  if (asked === undefined) return;
  const { kills, seed } = asked;
  await prepare({ project: "packages/wattseal" });
  const { postgresMissing } = await import("./lib/postgres.mjs");
  const missing = postgresMissing();
  if (missing !== undefined) throw new StepFailed(missing, 3);
  const { episode, formatTally } = await import("./lib/kill-store/episode.mjs");
  process.stdout.write(`${formatTally(await episode(kills, seed))}\n`);
});
