import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { Daemon, freePort } from "../scripts/lib/deploy/daemon.mjs";
import { hasMosquitto } from "../scripts/lib/deploy/mosquitto.mjs";
import { root } from "../scripts/lib/prepare.mjs";
import { runJson } from "./lib/run-json.mjs";

const PROGRAM = join(root, "packages", "wattseal", "bin", "wattseal.mjs");
const SECONDS = 20;
/** A pack of four modules makes six entries a minute; the others are busier than any. */
const FLEETS = [
  { packs: 1, rate: 1, remark: "" },
  { packs: 100, rate: 1, remark: "" },
  { packs: 1000, rate: 0.1, remark: " (a smoke figure: a process holds all packs)" },
];

/**
 * From an entry to its receipt, and from its checkpoint, with the broker's own acknowledgement beside it: fleet,
 * federation and broker in processes of their own on this machine.
 *
 * @param {string} scratch
 */
export async function uplink(scratch) {
  const load = loadavg().map((value) => value.toFixed(1));
  const rows = [];
  const engines = hasMosquitto() ? ["embedded", "mosquitto"] : ["embedded"];
  for (const engine of engines) {
    for (const fleet of FLEETS) rows.push(await row(join(scratch, "uplink"), engine, fleet));
  }
  return [
    "### From an entry to its receipt",
    "",
    `Load average before: ${load.join(", ")}. A checkpoint is due 10 s after its first entry. p50 / p99.`,
    ...(hasMosquitto() ? [] : ["", "Without mosquitto: it is not installed."]),
    "",
    "| broker, packs | entry to receipt | checkpoint to receipt | publish to PUBACK | entries/s | memory a pack |",
    "|---|--:|--:|--:|--:|--:|",
    ...rows,
    "",
  ].join("\n");
}

/**
 * @param {string} folder
 * @param {string} engine
 * @param {typeof FLEETS[number]} fleet
 */
async function row(folder, engine, { packs, rate, remark }) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const state = join(folder, "state");
  const port = await freePort();
  const url = `mqtt://127.0.0.1:${port}`;
  const daemons = [];
  try {
    await runJson(PROGRAM, ["init", "--demo", "--tpm", "none", "--state", state, "--json"]);
    if (engine === "mosquitto") daemons.push(mosquitto(folder, port));
    const broker = engine === "mosquitto" ? ["--broker", url] : ["--port", String(port)];
    const args = [PROGRAM, "federation", "--state", state, ...broker, "--log-level", "info"];
    const federation = new Daemon(process.execPath, args, join(folder, "federation.log"));
    daemons.push(federation);
    await federation.until(async () => federation.log.includes("federation.running"));
    const of = ["--packs", String(packs), "--rate", String(rate), "--for", `${SECONDS}s`, "--json"];
    const at = ["--state", state, "--broker", url, "--drain", "5m"];
    const { json, status } = await runJson(PROGRAM, ["sim", "fleet", ...of, ...at]);
    if (status !== 0) throw new Error(`${engine}, ${packs} packs: ${JSON.stringify(json)}`);
    const latencies = [json.entryToReceipt, json.signedToReceipt, json.publishToPuback].map(pair);
    const entries = (json.entries / SECONDS).toFixed(1);
    // of a few packs it is lost in what the process has anyway
    const memory = packs < 100 ? "-" : `${(json.bytesPerPack / 2 ** 20).toFixed(2)} MiB`;
    return `| ${[`${engine}, ${packs}${remark}`, ...latencies, entries, memory].join(" | ")} |`;
  } finally {
    for (const daemon of daemons.reverse()) await daemon.end("SIGTERM");
    rmSync(folder, { recursive: true, force: true });
  }
}

/** On loopback, without certificates: its time, not TLS's. @param {string} folder @param {number} port */
function mosquitto(folder, port) {
  const config = join(folder, "mosquitto.conf");
  const lines = [
    `listener ${port} 127.0.0.1`,
    "allow_anonymous true",
    "max_inflight_messages 512",
    "max_queued_messages 10000",
  ];
  writeFileSync(config, `${lines.join("\n")}\n`);
  return new Daemon("mosquitto", ["-c", config], join(folder, "mosquitto.log"));
}

/** @param {{ readonly p50?: number, readonly p99?: number }} quantiles ms */
function pair({ p50, p99 }) {
  return [p50, p99].map((ms) => (ms === undefined ? "-" : duration(ms))).join(" / ");
}

/** @param {number} ms */
function duration(ms) {
  return ms < 1000 ? `${Number(ms.toPrecision(2))} ms` : `${(ms / 1000).toPrecision(2)} s`;
}
