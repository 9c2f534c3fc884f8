// A process that opens a log: its time and memory are of nothing else. Prints one JSON object.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { sha256, verifyEd25519 } from "@wattseal/base";
import { Ed25519SecretKey } from "@wattseal/lct-keys";
import { verifyInclusion } from "@wattseal/tlog";
import { LogStore } from "@wattseal/tlog/store";
import { perCpuSecond } from "./measure.mjs";
import { entropy } from "./pack.mjs";

/**
 * @typedef {{ openRate: number, readRate: number, proofRate: number, verifyRate: number, entryRate: number, wallSeconds: number,
 *   cpuSeconds: number, residentBefore: number, resident: number, heap: number }} Opened rates a CPU-second, memory in MiB
 */

const MIB = 1024 * 1024;
const [directory = ""] = process.argv.slice(2);

/** CPU-seconds since `before`.
 *
 * @param {NodeJS.CpuUsage} before
 */
function secondsSince(before) {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

const residentBefore = process.memoryUsage().rss / MIB;
const started = performance.now();
const before = process.cpuUsage();
const log = await LogStore.openReadOnly({ directory });
const cpuSeconds = secondsSince(before);
const wallSeconds = (performance.now() - started) / 1000;
const resident = process.memoryUsage().rss / MIB;
globalThis.gc?.();
globalThis.gc?.(); // what the first one let go of outside the heap
const { heapUsed, arrayBuffers } = process.memoryUsage();
const size = log.durableSize;

const entriesBefore = process.cpuUsage();
let read = 0;
for (const entry of log.entries()) read += entry.length > 0 ? 1 : 0;
const entryRate = read / secondsSince(entriesBefore);

const root = log.root();
let state = 1;
/** Entries all over the log: few of them lie in tiles that were read before. */
const proofRate = await perCpuSecond(() => {
  state = (state * 48271) % 0x7fffffff;
  const index = state % size;
  const proof = log.inclusionProof(index);
  verifyInclusion({ index, size, leafHash: log.leafHash(index), proof, root });
  return 1;
});

const key = Ed25519SecretKey.generate(entropy);
const message = log.entry(size - 1);
const signature = key.sign(message);
const verifyRate = await perCpuSecond(() =>
  Number(verifyEd25519(key.publicKey, message, signature)),
);

const reading = process.cpuUsage();
for (const entry of readdirSync(directory, {
  recursive: true,
  withFileTypes: true,
  encoding: "utf8",
})) {
  if (entry.isFile()) sha256(readFileSync(join(entry.parentPath, entry.name)));
}
const readRate = size / secondsSince(reading);

const opened = {
  openRate: size / cpuSeconds,
  readRate,
  proofRate,
  entryRate,
  verifyRate,
  wallSeconds,
  cpuSeconds,
};
const memory = { residentBefore, resident, heap: (heapUsed + arrayBuffers) / MIB };
process.stdout.write(`${JSON.stringify({ ...opened, ...memory })}\n`);
