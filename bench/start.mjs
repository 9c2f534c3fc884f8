import { execFileSync } from "node:child_process";
import { readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { millis, silentLogger } from "@wattseal/base";
import { EnergyLog } from "@wattseal/gateway";
import { beginSoftwareEpoch } from "@wattseal/lct-keys";
import { PendingCheckpoints } from "@wattseal/uplink";
import { encodeTrust } from "@wattseal/verifier";
import { entropy, minuteOfIntervals, openingEntries, openPack } from "./lib/pack.mjs";
import { formatFigures, formatTable } from "./lib/table.mjs";

const OPEN = fileURLToPath(new URL("./lib/start-log.mjs", import.meta.url));
/** As the gateway does: ledger/snapshots.ts. */
const SNAPSHOT_AFTER = 16_384;
const count = (/** @type {number} */ value) => value.toLocaleString("en-US");

/**
 * What a gateway's start costs by the length of its log: every byte verified, then the books, from the last snapshot
 * or from entry 0.
 *
 * @param {string} scratch
 * @param {import("./main.mjs").Options} options
 */
export async function start(scratch, { sizes }) {
  const folder = join(scratch, "start");
  rmSync(folder, { recursive: true, force: true });
  const rows = [];
  const figures = [];
  try {
    for (const size of sizes) {
      const result = await measure(join(folder, `${size}`), size);
      rows.push(result.row);
      figures.push(...result.figures);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return `${formatTable("Start of a gateway's log", "entry", rows)}\n${formatFigures("Start by length", figures)}`;
}

/**
 * @param {string} directory
 * @param {number} size
 */
async function measure(directory, size) {
  await fill(directory, size);
  const path = join(directory, "log");
  const files = readdirSync(path).filter((name) => name.startsWith("snapshot."));
  const bytes = Math.max(...files.map((name) => statSync(join(path, name)).size));
  const resumed = inProcess(directory);
  for (const name of files) renameSync(join(path, name), join(directory, name));
  const whole = inProcess(directory);
  const of = `of ${count(size)}`;
  return {
    row: {
      what: `start from the last snapshot, ${of}`,
      rate: size / resumed.cpuSeconds,
      peer: "start from entry 0",
      peerRate: size / whole.cpuSeconds,
    },
    figures: [
      { what: `from the last snapshot, ${of}, wall time`, value: resumed.wallSeconds, unit: "s" },
      { what: `  of it verifying the files`, value: resumed.openSeconds, unit: "s" },
      { what: `from entry 0, ${of}, wall time`, value: whole.wallSeconds, unit: "s" },
      { what: `  of it verifying the files`, value: whole.openSeconds, unit: "s" },
      {
        what: `resident after it, from the last snapshot, ${of}`,
        value: resumed.resident,
        unit: "MiB",
      },
      { what: `resident after it, from entry 0, ${of}`, value: whole.resident, unit: "MiB" },
      { what: `the snapshot, ${of}`, value: bytes / 1024, unit: "KiB" },
    ],
  };
}

/** A log as a gateway writes it, minute by minute, with what is due, charges, epochs and snapshots.
 *
 * @param {string} directory
 * @param {number} size
 */
async function fill(directory, size) {
  const pack = await openPack(directory);
  const { document, authority } = pack;
  await pack.signer.close();
  await pack.store.close();
  const trust = {
    authorities: [{ name: "bench", publicKey: authority.publicKey }],
    witnesses: [{ name: "bench", publicKeys: [authority.publicKey] }],
    quorum: 1,
  };
  writeFileSync(join(directory, "trust.json"), encodeTrust(trust));
  writeFileSync(join(directory, "document.cose"), document.bytes);
  const [first] = minuteOfIntervals(0);
  let now = first?.timeMs ?? millis(0);
  const clock = { now: () => now, at: () => () => {} };
  const log = await EnergyLog.open({
    directory: join(directory, "log"),
    document,
    trust,
    clock,
    logger: silentLogger,
    openSigner: (continued) =>
      beginSoftwareEpoch({
        directory: join(directory, "signer"),
        clock,
        entropy,
        document,
        softwareVersion: "benchmark",
        synchronised: true,
        log: continued,
      }),
  });
  const { pending } = PendingCheckpoints.load({
    origin: document.origin,
    stored: undefined,
    witnessed: 0,
    log: log.own,
    save: () => Promise.resolve(),
  });
  await log.begin({ pending, receipt: undefined, onSigned: () => {} });
  await log.append(...openingEntries(pack));
  for (let minute = 0; log.fold.size < size; minute += 1) {
    const intervals = minuteOfIntervals(minute);
    now = intervals[0]?.timeMs ?? now;
    if (log.epochDue) {
      await log.renewEpoch(undefined);
      await log.append({
        type: "ops.clock",
        body: { sync: "synchronised", source: "simulated", step: 0 },
      });
    }
    const written = log.append(...intervals);
    for (let due = log.fold.society.dueEntry(now); due; due = log.fold.society.dueEntry(now)) {
      void log.append(due);
    }
    void log.append({ type: "energy.window", body: log.fold.nextWindow(now) });
    const charge = log.fold.society.chargeFor(now, "charger-1");
    if (charge !== undefined) void log.append({ type: "society.charge", body: charge });
    const snapshot = log.snapshot(SNAPSHOT_AFTER);
    if (minute % 100 === 0) await Promise.all([written, snapshot]);
  }
  await log.endEpoch("shutdown");
  await log.close();
}

/**
 * @param {string} directory
 * @returns {import("./lib/start-log.mjs").Started}
 */
function inProcess(directory) {
  return JSON.parse(execFileSync(process.execPath, [OPEN, directory], { encoding: "utf8" }));
}
