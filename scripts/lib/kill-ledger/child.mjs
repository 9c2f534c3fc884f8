// Run by episode.mjs and killed by it: appends, checkpoints and seals as fast as it can, and says what it acknowledged.
import { openSync, writeSync } from "node:fs";
import { seeded } from "../kill/random.mjs";
import { openLoad } from "./pack.mjs";

const [state = "", record = "", seed = "1", rounds = "0"] = process.argv.slice(2);
// What a kill leaves of a pipe is not certain; a file keeps all that was written.
const file = openSync(record, "a");
const say = (/** @type {string} */ line) => {
  writeSync(file, `${line}\n`);
};

const next = seeded(Number(seed));
/** As close together as a log may have them. */
const SNAPSHOT_AFTER = 1_024;
const load = await openLoad(state, {
  durable: (index, leaf) => say(`durable ${index} ${leaf}`),
  signed: (size, root) => say(`signed ${size} ${root}`),
  stopped: () => process.exit(1),
});
say("running");
for (let round = 0; round < Number(rounds) || rounds === "0"; round += 1) {
  await load.minutes(1 + next(next(3) === 0 ? 600 : 12));
  if (next(3) === 0) await load.log.settled();
  if (next(4) === 0) await load.witnessed();
  if (next(4) === 0) await load.log.snapshot(SNAPSHOT_AFTER);
}
await load.log.endEpoch("shutdown");
await load.witnessed();
await load.log.close();
say("stopped");
