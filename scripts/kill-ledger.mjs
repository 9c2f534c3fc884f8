// `npm run kill:ledger [-- kills [seed]]`: kill -9 at random points of the ledger's work, and a tally of what it did.
import "./lib/require-node.mjs";
import { killArguments } from "./lib/kill/arguments.mjs";
import { addTally, formatTally } from "./lib/kill-ledger/tally.mjs";
import { main } from "./lib/main.mjs";
import { prepare } from "./lib/prepare.mjs";

const KILLS = 1_000;
/** Each life begins with a new log, so that a kill's check costs no more the longer this runs. */
const KILLS_A_LIFE = 50;
const USAGE = `npm run kill:ledger [-- kills [seed]]
Kills what works on a pack's ledger at random points, starts it again each time, and fails if anything acknowledged is
lost or doubled, if two heads of one size differ, or if a start does not succeed.
  kills  how many in all (default ${KILLS})
  seed   to repeat the choices of a run; printed at its start (default: another one each time)
`;

await main(async () => {
  const asked = killArguments(process.argv.slice(2), { usage: USAGE, kills: KILLS });
  if (asked === undefined) return;
  const { kills, seed } = asked;
  await prepare({ project: "packages/wattseal" });
  const { episode } = await import("./lib/kill-ledger/episode.mjs");
  let tally;
  for (let done = 0; done < kills; done += KILLS_A_LIFE) {
    const life = await episode(Math.min(KILLS_A_LIFE, kills - done), seed + done);
    tally = addTally(tally, life);
    process.stdout.write(`${formatTally(tally)}\n`);
  }
});
