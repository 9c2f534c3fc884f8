import { rmSync } from "node:fs";
import { join } from "node:path";
import { SqliteStore } from "@wattseal/federation";
import { median } from "./lib/measure.mjs";
import { OfflinePack } from "./lib/offline-pack.mjs";
import { recordPack, witness } from "./lib/recorded.mjs";
import { SlowLink } from "./lib/slow-link.mjs";
import { VirtualTime } from "./lib/virtual-time.mjs";

const MINUTE = 60_000;
const START = 1_760_000_040_000;
const DAYS = 30;
/** Eight modules, a window, and now and then a charge. */
const A_MINUTE = 9.1;
/** A checkpoint has a minute's entries, about. */
const PER_CHECKPOINT = 10;
/** Checkpoints. */
const BEFORE = 10;
const OFFLINE = Math.round((DAYS * 24 * 60 * A_MINUTE) / PER_CHECKPOINT);
/** That the slowest link may take; an epoch ends after 31 days. */
const MOST = 240;
const SHAPES = [
  { what: "no limit", bitsPerSecond: Number.POSITIVE_INFINITY },
  { what: "1 Mbit/s", bitsPerSecond: 1_000_000 },
  { what: "100 kbit/s", bitsPerSecond: 100_000 },
].map((shape) => ({ ...shape, oneWayMs: 40 }));

/**
 * A pack of eight modules that was offline for 30 days: simulated time from its connection on, with the gateway's own
 * sender, a worker and its store, over links of some pace.
 *
 * @param {string} scratch
 */
export async function offline(scratch) {
  const entries = (BEFORE + OFFLINE + MOST + 1) * PER_CHECKPOINT;
  const recorded = recordPack(0, { entries, perBatch: PER_CHECKPOINT });
  const rows = [];
  for (const shape of SHAPES) rows.push(await row(join(scratch, "offline"), recorded, shape));
  return [
    "### 30 days offline",
    "",
    `${(OFFLINE * PER_CHECKPOINT).toLocaleString("en-US")} entries, 40 ms each way, a checkpoint a minute meanwhile. Simulated time.`,
    "",
    "| uplink | the head at the connection is there | it has its receipt | nothing is behind | checkpoints meanwhile: their heads are there after p50 / at most | they have their receipts after p50 / at most | sent | leaves sent twice | requests |",
    "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ...rows,
    "",
  ].join("\n");
}

/**
 * @param {string} folder
 * @param {import("./lib/recorded.mjs").Recorded} recorded
 * @param {typeof SHAPES[number]} shape
 */
async function row(folder, recorded, shape) {
  rmSync(folder, { recursive: true, force: true });
  const pack = await OfflinePack.open(recorded, join(folder, "log"));
  const store = await SqliteStore.open(join(folder, "store"));
  try {
    const time = new VirtualTime(START);
    await pack.record(BEFORE);
    const first = new SlowLink(time, pack, { oneWayMs: 0, bitsPerSecond: Infinity }, () => {});
    await first.connect(store);
    await time.run(() => first.witnessed < pack.size);
    await first.close();
    await pack.record(OFFLINE);
    const seen = await reconnected(time, { pack, store, shape });
    return `| ${[shape.what, ...seen].join(" | ")} |`;
  } finally {
    await store.close();
    await pack.store.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * From the connection on until nothing is behind.
 *
 * @param {VirtualTime} time
 * @param {{ readonly pack: OfflinePack, readonly store: SqliteStore, readonly shape: typeof SHAPES[number] }} of
 */
async function reconnected(time, { pack, store, shape }) {
  const began = time.exact;
  const behind = pack.size - pack.cursors.witnessed(witness.name);
  /** @type {{ readonly size: number, readonly at: number, receiptedAt: number }[]} */
  const signed = [{ size: pack.size, at: began, receiptedAt: Number.NaN }];
  const link = new SlowLink(time, pack, shape, () => {
    for (const checkpoint of signed) {
      const isNew = checkpoint.size <= link.witnessed && Number.isNaN(checkpoint.receiptedAt);
      if (isNew) checkpoint.receiptedAt = time.exact;
    }
  });
  await link.connect(store);
  const aMinute = async () => {
    await pack.record(1);
    signed.push({ size: pack.size, at: time.exact, receiptedAt: Number.NaN });
    link.signed();
    time.at(time.exact + MINUTE, aMinute);
  };
  time.at(began + MINUTE, aMinute);
  await time.run(() => link.witnessed < pack.size);
  await link.close();
  const waits = signed.map(({ size, at, receiptedAt }) => ({
    head: (link.headAt.get(size) ?? Number.NaN) - at,
    receipt: receiptedAt - at,
  }));
  const [present, ...later] = waits;
  const recorded = behind + later.length * PER_CHECKPOINT;
  return [
    duration(present?.head),
    duration(present?.receipt),
    duration(time.exact - began),
    spread(later.map(({ head }) => head)),
    spread(later.map(({ receipt }) => receipt)),
    `${(link.bytesUp / 1e6).toFixed(1)} MB`,
    String(link.leaves - recorded),
    String(link.requests),
  ];
}

/** @param {readonly number[]} values ms */
function spread(values) {
  return values.length === 0
    ? "none"
    : `${duration(median(values))} / ${duration(Math.max(...values))}`;
}

/** @param {number | undefined} ms */
function duration(ms = Number.NaN) {
  if (ms < 1_000) return `${Number(ms.toPrecision(2))} ms`;
  return ms < 600_000
    ? `${Number((ms / 1_000).toPrecision(3))} s`
    : `${Math.round(ms / 60_000)} min`;
}
