import { mkdirSync, rmSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { enrolled, PROGRAM } from "../scripts/lib/deploy/state.mjs";
import { deployed } from "./lib/deployed.mjs";
import { missingDeployments } from "./lib/missing.mjs";
import { runJson } from "./lib/run-json.mjs";

/** @typedef {import("../scripts/lib/deploy/deployment.mjs").Kind} Kind */

const SECONDS = 20;
/** A pack of four modules makes six entries a minute; the others are busier than any. */
const FLEETS = [
  { packs: 1, rate: 1, remark: "" },
  { packs: 100, rate: 1, remark: "" },
  { packs: 1000, rate: 0.1, remark: " (a smoke figure: a process holds all packs)" },
];
/** A load that one worker of a cluster is busy with, to see what a second one costs. */
const BUSY = { packs: 100, rate: 20, remark: " at 20 entries/s each" };

/**
 * From an entry to its receipt, and from its checkpoint, with the broker's own acknowledgement beside it: fleet,
 * federation and broker as deploy/ has them, in processes of their own on this machine.
 *
 * @param {string} scratch
 */
export async function uplink(scratch) {
  const load = loadavg().map((value) => value.toFixed(1));
  const rows = [];
  const missing = missingDeployments();
  const folder = join(scratch, "uplink");
  for (const kind of /** @type {const} */ (["embedded", "site", "cluster"])) {
    if (missing[kind] !== undefined) continue;
    for (const fleet of FLEETS) rows.push(await row(folder, kind, 1, fleet));
  }
  if (missing.cluster === undefined) {
    for (const workers of [1, 2]) rows.push(await row(folder, "cluster", workers, BUSY));
  }
  return [
    "### From an entry to its receipt",
    "",
    `Load average before: ${load.join(", ")}. A checkpoint is due 10 s after its first entry. p50 / p99. CPU: ms an entry of workers + broker + database; an embedded broker is its worker's.`,
    ...Object.entries(missing).flatMap(([kind, why]) =>
      why ? ["", `Without ${kind}: ${why}.`] : [],
    ),
    "",
    "| deployment, workers, packs | entry to receipt | checkpoint to receipt | publish to PUBACK | entries/s | CPU ms an entry | memory a pack |",
    "|---|--:|--:|--:|--:|--:|--:|",
    ...rows,
    "",
  ].join("\n");
}

/**
 * @param {string} folder
 * @param {Kind} kind
 * @param {number} workers
 * @param {typeof FLEETS[number]} fleet
 */
async function row(folder, kind, workers, { packs, rate, remark }) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const state = join(folder, "state");
  enrolled(state);
  const made = ["sim", "fleet", "--packs", String(packs), "--state", state, "--json"];
  const { json: names } = await runJson(PROGRAM, [...made, "--names"]);
  const federation = await deployed({ kind, workers, state, packs: names });
  try {
    const before = federation.cpuSeconds();
    const run = ["--rate", String(rate), "--for", `${SECONDS}s`, "--drain", "5m"];
    const { json, status } = await runJson(PROGRAM, [...made, ...federation.fleetArgs, ...run]);
    if (status !== 0) throw new Error(`${kind}, ${packs} packs: ${JSON.stringify(json)}`);
    const after = federation.cpuSeconds();
    const latencies = [json.entryToReceipt, json.signedToReceipt, json.publishToPuback].map(pair);
    const perEntry = /** @type {const} */ (["workers", "broker", "database"])
      .map((part) => ((1000 * (after[part] - before[part])) / json.entries).toFixed(2))
      .join(" + ");
    // of a few packs it is lost in what the process has anyway
    const memory = packs < 100 ? "-" : `${(json.bytesPerPack / 2 ** 20).toFixed(2)} MiB`;
    const cells = [`${kind}, ${workers}, ${packs}${remark}`, ...latencies];
    cells.push((json.entries / SECONDS).toFixed(1), perEntry, memory);
    return `| ${cells.join(" | ")} |`;
  } finally {
    await federation.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {{ readonly p50?: number, readonly p99?: number }} quantiles ms */
function pair({ p50, p99 }) {
  return [p50, p99].map((ms) => (ms === undefined ? "-" : duration(ms))).join(" / ");
}

/** @param {number} ms */
function duration(ms) {
  return ms < 1000 ? `${Number(ms.toPrecision(2))} ms` : `${(ms / 1000).toPrecision(2)} s`;
}
