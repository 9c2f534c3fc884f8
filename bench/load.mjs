import { mkdirSync, rmSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { enrolled, PROGRAM } from "../scripts/lib/deploy/state.mjs";
import { deployed } from "./lib/deployed.mjs";
import { firstContact } from "./lib/first-contact.mjs";
import { missingDeployments } from "./lib/missing.mjs";
import { runJson } from "./lib/run-json.mjs";

/** @typedef {import("./lib/deployed.mjs").CpuSeconds} CpuSeconds */
/** @typedef {{ readonly packs: number, readonly seconds: number, readonly batches: number, readonly cpu: CpuSeconds }} Spent */

const PACKS = 100;
/** Two runs that differ in their length alone: what starting and ending cost is in both. */
const SHORT_S = 15;
const LONG_S = 45;
/** No step of a pack comes in the time of a run. */
const IDLE = 0.0001;
/** A checkpoint every ten seconds, with some eleven entries. */
const BUSY = 1;
const SHAPES = /** @type {const} */ ([
  { kind: "site", workers: 1 },
  { kind: "cluster", workers: 1 },
]);

/**
 * CPU time of a deployment, told apart: with no pack, for each pack that is connected and silent, for each pack that
 * connects, and for each batch; and of a worker that meets a pack for the first time since its start. What
 * docs/scale.md reckons with.
 *
 * @param {string} scratch
 */
export async function load(scratch) {
  const before = loadavg().map((value) => value.toFixed(1));
  const missing = missingDeployments();
  const rows = [];
  for (const shape of SHAPES) {
    if (missing[shape.kind] === undefined) rows.push(await row(join(scratch, "load"), shape));
  }
  return [
    "### What a pack and a batch cost",
    "",
    `Load average before: ${before.join(", ")}. CPU ms of workers + broker + database; ${PACKS} packs, batches of some eleven entries, runs of ${LONG_S} s less runs of ${SHORT_S} s.`,
    ...Object.entries(missing).flatMap(([kind, why]) =>
      why ? ["", `Without ${kind}: ${why}.`] : [],
    ),
    "",
    "| deployment, workers | a second, no packs | a second, a silent pack | a pack that connects | a batch |",
    "|---|--:|--:|--:|--:|",
    ...rows,
    "",
    await firstContact(join(scratch, "load")),
  ].join("\n");
}

/**
 * @param {string} folder
 * @param {typeof SHAPES[number]} shape
 */
async function row(folder, { kind, workers }) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const state = join(folder, "state");
  enrolled(state);
  const made = ["sim", "fleet", "--packs", String(PACKS), "--state", state, "--json"];
  const { json: names } = await runJson(PROGRAM, [...made, "--names"]);
  const federation = await deployed({ kind, workers, state, packs: names });
  /** @param {number} rate @param {number} seconds @returns {Promise<Spent>} */
  const run = async (rate, seconds) => {
    const began = federation.cpuSeconds();
    const how = ["--rate", String(rate), "--for", `${seconds}s`, "--drain", "5m"];
    const { json, status } = await runJson(PROGRAM, [...made, ...federation.fleetArgs, ...how]);
    if (status !== 0) throw new Error(`${kind}: ${JSON.stringify(json)}`);
    const cpu = lessOf(federation.cpuSeconds(), began);
    return { packs: json.packs, seconds, batches: json.receipts, cpu };
  };
  try {
    // before any pack: nats-server keeps what it has of one that was there once
    const began = federation.cpuSeconds();
    await sleep(1000 * SHORT_S);
    const alone = scaled(lessOf(federation.cpuSeconds(), began), 1 / SHORT_S);
    await run(IDLE, 1); // every pack is known from here on
    const [shortIdle, longIdle] = [await run(IDLE, SHORT_S), await run(IDLE, LONG_S)];
    const [shortBusy, longBusy] = [await run(BUSY, SHORT_S), await run(BUSY, LONG_S)];
    const idle = scaled(lessOf(longIdle.cpu, shortIdle.cpu), 1 / (LONG_S - SHORT_S));
    const busy = lessOf(longBusy.cpu, shortBusy.cpu);
    const batches = longBusy.batches - shortBusy.batches;
    const costs = [
      alone,
      scaled(lessOf(idle, alone), 1 / PACKS),
      scaled(lessOf(shortIdle.cpu, scaled(idle, SHORT_S)), 1 / PACKS),
      scaled(lessOf(busy, scaled(idle, LONG_S - SHORT_S)), 1 / batches),
    ];
    return `| ${[`${kind}, ${workers}`, ...costs.map(formatted)].join(" | ")} |`;
  } finally {
    await federation.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {CpuSeconds} a @param {CpuSeconds} b @returns {CpuSeconds} */
function lessOf(a, b) {
  return {
    workers: a.workers - b.workers,
    broker: a.broker - b.broker,
    database: a.database - b.database,
  };
}

/** @param {CpuSeconds} cpu @param {number} by @returns {CpuSeconds} */
function scaled({ workers, broker, database }, by) {
  return { workers: workers * by, broker: broker * by, database: database * by };
}

/** @param {CpuSeconds} cpu */
function formatted({ workers, broker, database }) {
  return [workers, broker, database].map((seconds) => (1000 * seconds).toFixed(2)).join(" + ");
}
