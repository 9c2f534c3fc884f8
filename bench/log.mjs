import { execFileSync } from "node:child_process";
import {
  closeSync,
  fdatasync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { concatBytes } from "@wattseal/base";
import { encodeEntry } from "@wattseal/energy-ledger";
import { minuteOfIntervals, openPack } from "./lib/pack.mjs";
import { formatFigures, formatTable } from "./lib/table.mjs";

const AN_APPEND = 1_000;
/** The last entries of a log, over which the cost of an append is taken. */
const MEASURED = 100_000;
/** Bytes of minutes that differ; encoding is the ledger's own benchmark. */
const entries = Array.from({ length: AN_APPEND / 8 }, (_, n) => minuteOfIntervals(n))
  .flat()
  .map(encodeEntry);
const OPEN = fileURLToPath(new URL("./lib/open-log.mjs", import.meta.url));
const count = (/** @type {number} */ value) => value.toLocaleString("en-US");

/**
 * What a log costs by its length: an append, a byte of disk, an opening, its memory, a proof.
 *
 * @param {string} scratch
 * @param {import("./main.mjs").Options} options
 */
export async function log(scratch, { sizes }) {
  const folder = join(scratch, "log");
  rmSync(folder, { recursive: true, force: true });
  try {
    const rows = [];
    const figures = [];
    await fill(join(folder, "warm"), MEASURED);
    const plain = await plainAppends(join(folder, "plain"));
    for (const size of sizes) {
      const result = await measure(join(folder, `${size}`), size, plain);
      rows.push(...result.rows);
      figures.push(...result.figures);
    }
    return `${formatTable("Log by length, 1,000 entries an append", "entry, or proof", rows)}\n${formatFigures("Log by length, disk, time and memory", figures)}`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} directory
 * @param {number} size
 * @param {number} plain
 */
async function measure(directory, size, plain) {
  const rate = await fill(directory, size);
  const path = join(directory, "log");
  const bytes = bytesIn(path);
  const opened = openInProcess(path);
  const of = `of ${count(size)}`;
  return {
    rows: [
      {
        what: `append, the last ${count(MEASURED)} ${of}`,
        rate,
        peer: "the same bytes appended to a file, fdatasync",
        peerRate: plain,
      },
      {
        what: `open and verify all ${of}`,
        rate: opened.openRate,
        peer: "the same files read, SHA-256 of their bytes",
        peerRate: opened.readRate,
      },
      {
        what: `read all ${of} in order, checked again`,
        rate: opened.entryRate,
        peer: "the same files read, SHA-256 of their bytes",
        peerRate: opened.readRate,
      },
      {
        what: `inclusion proof made and checked, ${of}`,
        rate: opened.proofRate,
        peer: "one Ed25519 signature checked",
        peerRate: opened.verifyRate,
      },
    ],
    figures: [
      {
        what: `bytes on disk an entry, ${of} (the entry itself: ${Math.round(bytesOf(entries) / AN_APPEND)})`,
        value: bytes / size,
        unit: "B",
      },
      { what: `open and verify ${of}, wall time`, value: opened.wallSeconds, unit: "s" },
      { what: `open and verify ${of}, CPU time`, value: opened.cpuSeconds, unit: "s" },
      {
        what: `resident, ${of} open (before opening: ${Math.round(opened.residentBefore)} MiB)`,
        value: opened.resident,
        unit: "MiB",
      },
      { what: `heap and buffers, ${of} open, collected`, value: opened.heap, unit: "MiB" },
    ],
  };
}

/** @param {readonly Uint8Array[]} parts */
function bytesOf(parts) {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

/** Entries a CPU-second over the last of them. The log ends with a signed head.
 *
 * @param {string} directory
 * @param {number} size
 */
async function fill(directory, size) {
  const { store, signer } = await openPack(directory);
  let before = process.cpuUsage();
  while (store.size < size) {
    if (store.size <= size - MEASURED) before = process.cpuUsage();
    await store.append(entries.slice(0, size - store.size));
  }
  const { user, system } = process.cpuUsage(before);
  const consistency = store.consistencyProof(signer.lastSigned.size, size);
  const [head] = await signer.sign({ size, root: store.root(), consistency });
  await store.writeHead(head ?? "");
  await signer.close();
  await store.close();
  return MEASURED / ((user + system) / 1e6);
}

/** @param {string} directory */
async function plainAppends(directory) {
  mkdirSync(directory, { recursive: true });
  const file = openSync(join(directory, "file"), "w");
  const before = process.cpuUsage();
  for (let done = 0; done < MEASURED; done += AN_APPEND) {
    writeSync(file, concatBytes(...entries));
    await promisify(fdatasync)(file);
  }
  const { user, system } = process.cpuUsage(before);
  closeSync(file);
  return MEASURED / ((user + system) / 1e6);
}

/** @param {string} path */
function bytesIn(path) {
  const files = readdirSync(path, { recursive: true, encoding: "utf8" }).map((name) =>
    statSync(join(path, name)),
  );
  return files.reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0);
}

/**
 * @param {string} path
 * @returns {import("./lib/open-log.mjs").Opened}
 */
function openInProcess(path) {
  const words = ["--expose-gc", OPEN, path];
  return JSON.parse(execFileSync(process.execPath, words, { encoding: "utf8" }));
}
