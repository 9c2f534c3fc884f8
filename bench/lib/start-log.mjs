// A process that opens a gateway's log: its time and memory are of nothing else. Prints one JSON object.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { millis, silentLogger } from "@wattseal/base";
import { EnergyLog } from "@wattseal/gateway";
import { verifyLctDocument } from "@wattseal/lct-keys/verify";
import { LogStore } from "@wattseal/tlog/store";
import { decodeTrust } from "@wattseal/verifier";

/** @typedef {{ wallSeconds: number, cpuSeconds: number, openSeconds: number, resident: number }} Started resident in MiB */

const [directory = ""] = process.argv.slice(2);
const trust = decodeTrust(readFileSync(join(directory, "trust.json")));
const document = verifyLctDocument(
  readFileSync(join(directory, "document.cose")),
  "self-consistent",
);
const path = join(directory, "log");

const opening = performance.now();
await (await LogStore.open({ directory: path })).close();
const openSeconds = (performance.now() - opening) / 1000;

const started = performance.now();
const before = process.cpuUsage();
const log = await EnergyLog.open({
  directory: path,
  document,
  trust,
  clock: { now: () => millis(0), at: () => () => {} },
  logger: silentLogger,
  openSigner: () => Promise.reject(new Error("nothing is signed here")),
});
const { user, system } = process.cpuUsage(before);
const cpuSeconds = (user + system) / 1e6;
const wallSeconds = (performance.now() - started) / 1000;
const resident = process.memoryUsage().rss / (1024 * 1024);
await log.close();
process.stdout.write(`${JSON.stringify({ wallSeconds, cpuSeconds, openSeconds, resident })}\n`);
