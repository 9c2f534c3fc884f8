import { join } from "node:path";
import { sha256 } from "@wattseal/base";
import { encodeEntry } from "@wattseal/energy-ledger";
import { LogReplay } from "@wattseal/verifier";
import { perCpuSecond } from "./lib/measure.mjs";
import { minuteOfIntervals, openingEntries, openPack } from "./lib/pack.mjs";
import { formatTable } from "./lib/table.mjs";

const MINUTES = 4_000;

/**
 * Replays a log as an auditor does: every entry decoded, hashed into the tree, and applied to all accounts.
 *
 * @param {string} scratch
 */
export async function audit(scratch) {
  const { entries, root } = await writeLog(scratch);
  const replay = () => {
    const log = new LogReplay(undefined);
    for (const entry of entries) log.append(entry);
    if (!Buffer.from(log.root()).equals(root)) throw new Error("the replay has another root");
    return entries.length;
  };
  const hash = () => {
    for (const entry of entries) sha256(entry);
    return entries.length;
  };
  const rows = [
    {
      what: `replay of ${entries.length.toLocaleString("en-US")} entries`,
      rate: await perCpuSecond(replay),
      peer: "SHA-256 of the same bytes",
      peerRate: await perCpuSecond(hash),
    },
  ];
  return formatTable("Audit", "entry", rows);
}

/** @param {string} scratch */
async function writeLog(scratch) {
  const pack = await openPack(join(scratch, "audit"));
  const { store } = pack;
  const replay = new LogReplay(undefined);
  for (const entry of store.entries()) replay.append(entry);
  /** @type {Uint8Array[]} */
  const written = [];
  /** @param {readonly import("@wattseal/energy-ledger").Entry[]} entries */
  const write = (entries) => {
    for (const bytes of entries.map(encodeEntry)) {
      replay.append(bytes);
      written.push(bytes);
    }
  };
  write(openingEntries(pack));
  for (let minute = 0; minute < MINUTES; minute += 1) {
    const intervals = minuteOfIntervals(minute);
    write(intervals);
    const timeMs = replay.fold.time;
    write([{ type: "energy.window", timeMs, body: replay.fold.nextWindow(timeMs) }]);
    const charge = replay.fold.society.chargeFor(timeMs, "charger-1");
    if (charge !== undefined) write([{ type: "society.charge", timeMs, body: charge }]);
  }
  await store.append(written);
  const entries = [...store.entries()].map((entry) => new Uint8Array(entry));
  const root = store.root();
  await pack.signer.close();
  await store.close();
  return { entries, root };
}
