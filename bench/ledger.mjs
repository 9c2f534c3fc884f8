import { join } from "node:path";
import { sha256 } from "@wattseal/base";
import { encodeEntry } from "@wattseal/energy-ledger";
import { Ed25519SecretKey } from "@wattseal/lct-keys";
import { perCpuSecond } from "./lib/measure.mjs";
import { entropy, minuteOfIntervals, openPack } from "./lib/pack.mjs";
import { formatTable } from "./lib/table.mjs";

/** Entries an append, and appends that are under way together. */
const LOADS = /** @type {const} */ ([
  [1, 1],
  [10, 1],
  [100, 1],
  [1_000, 1],
  [1_000, 8],
]);
/** A checkpoint comes after so many entries, as in the gateway. */
const CHECKPOINT = 256;

/**
 * Interval entries, from value to bytes to disk to checkpoint: encoded, appended, durable, covered by a
 * checkpoint whose head and signer state are durable too.
 *
 * @param {string} scratch
 */
export async function ledger(scratch) {
  const key = Ed25519SecretKey.generate(entropy);
  const sample = minuteOfIntervals(0).map(encodeEntry);
  const peerRate = await perCpuSecond(() => {
    for (const entry of sample) key.sign(entry);
    return sample.length;
  });
  const rows = [];
  for (const [size, together] of LOADS) {
    // Not where a log has just been deleted: ext4 looks for inodes among those it freed lately.
    const pack = await openPack(join(scratch, `ledger-${size}-${together}`));
    const rate = await perCpuSecond(appending(pack, size, together));
    await pack.signer.close();
    await pack.store.close();
    const under = together === 1 ? "" : `, ${together} appends under way`;
    const what = `entry → durable → signed, ${size.toLocaleString("en-US")} an append${under}`;
    rows.push({ what, rate, peer: "one Ed25519 signature an entry, nothing else", peerRate });
  }
  rows.push({
    what: `SHA-256 of an entry's ${sample[0]?.length} bytes, nothing else`,
    rate: await perCpuSecond(() => {
      for (const entry of sample) sha256(entry);
      return sample.length;
    }),
    peer: "one Ed25519 signature an entry, nothing else",
    peerRate,
  });
  return formatTable("Ledger", "entry", rows);
}

/**
 * @param {import("./lib/pack.mjs").Pack} pack
 * @param {number} size entries an append
 * @param {number} together appends
 */
function appending({ store, signer }, size, together) {
  const minutes = Math.ceil(size / minuteOfIntervals(0).length);
  const entries = Array.from({ length: minutes }, (_, n) => minuteOfIntervals(n))
    .flat()
    .slice(0, size);
  return async () => {
    const appends = Array.from({ length: together }, () => store.append(entries.map(encodeEntry)));
    await Promise.all(appends);
    const requests = [];
    let from = signer.lastSigned.size;
    for (let due = from + CHECKPOINT; due <= store.durableSize; due += CHECKPOINT) {
      const consistency = store.consistencyProof(from, due);
      requests.push({ size: due, root: store.root(due), consistency });
      from = due;
    }
    const head = (await signer.sign(...requests)).at(-1);
    if (head !== undefined) await store.writeHead(head);
    return size * together;
  };
}
