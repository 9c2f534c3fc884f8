// What a worker that was just started takes to answer a pack whose log is long: it replays that first.
import { postgresMissing } from "../../scripts/lib/postgres.mjs";
import { meetAgain, postgresKind, sqliteKind, workThrough } from "./fleet-load.mjs";
import { recordPack } from "./recorded.mjs";
import { formatTable } from "./table.mjs";

const PACKS = 4;
const ENTRIES = 40_000;

/** @param {string} scratch */
export async function firstContact(scratch) {
  const packs = Array.from({ length: PACKS }, (_, number) =>
    recordPack(number, { entries: ENTRIES, perBatch: 250 }),
  );
  const entries = packs.reduce((sum, { leaves }) => sum + leaves.length, 0);
  const kinds = [sqliteKind(scratch)];
  if (postgresMissing() === undefined) kinds.push(await postgresKind(scratch));
  const rows = [];
  try {
    for (const kind of kinds) {
      const store = await kind.open();
      const came = await cpuSeconds(kind, () => workThrough(store, packs));
      const met = await cpuSeconds(kind, () => meetAgain(store, packs));
      rows.push({
        what: `replayed at a pack's first message, ${kind.name}`,
        rate: entries / met,
        peer: "verified and stored when they came",
        peerRate: entries / came,
      });
    }
  } finally {
    for (const kind of kinds) await kind.close();
  }
  return formatTable(
    `A worker that was just started, logs of ${ENTRIES.toLocaleString("en-US")}`,
    "stored entry",
    rows,
  );
}

/**
 * This process's, and the store's.
 *
 * @param {import("./fleet-load.mjs").Kind} kind
 * @param {() => Promise<void>} task
 */
async function cpuSeconds(kind, task) {
  const [before, elsewhere] = [process.cpuUsage(), kind.cpuSeconds()];
  await task();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6 + kind.cpuSeconds() - elsewhere;
}
