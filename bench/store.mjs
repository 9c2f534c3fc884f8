import { loadavg } from "node:os";
import { join } from "node:path";
import { sha256 } from "@wattseal/base";
import { Frontier, leafHash, signCheckpoint } from "@wattseal/tlog";
import { packName } from "@wattseal/uplink";
import { postgresMissing } from "../scripts/lib/postgres.mjs";
import { NoStore, postgresKind, sqliteKind, workThrough } from "./lib/fleet-load.mjs";
import { median } from "./lib/measure.mjs";
import { receiptLog, recordPack } from "./lib/recorded.mjs";
import { formatFigures, formatTable } from "./lib/table.mjs";

/** @typedef {import("./lib/fleet-load.mjs").Kind} Kind */
/** @typedef {import("./lib/fleet-load.mjs").Store} Store */
/** @typedef {import("./lib/recorded.mjs").Recorded} Recorded */

const PACKS = 64;
const ROUNDS = 3;
/** History and busy packs fill a batch; a minute of eight modules is ten entries. */
const SHAPES = [
  { entries: 1_024, perBatch: 256 },
  { entries: 250, perBatch: 10 },
];
/** Entries stored before those that are measured, beside `--sizes`. */
const SHORT = 10_000;
const MEASURED = 262_144;
const PER_COMMIT = 256;

/**
 * What it costs a worker to verify recorded batches, and to store them too; and a store alone by what it holds.
 *
 * @param {string} scratch
 * @param {import("./main.mjs").Options} options
 */
export async function store(scratch, { sizes }) {
  const missing = postgresMissing();
  const kinds = [sqliteKind(join(scratch, "federation"))];
  if (missing === undefined) kinds.push(await postgresKind(scratch));
  try {
    const load = loadavg().map((value) => value.toFixed(1));
    const said = [
      `Load average before: ${load.join(", ")}. CPU-seconds of the database's own processes are counted.`,
      ...(missing === undefined ? [] : [`Without PostgreSQL: ${missing}.`]),
      "",
    ];
    const parts = [said.join("\n")];
    for (const shape of SHAPES) parts.push(await shapeTables(shape, kinds));
    parts.push(await lengthTables([SHORT, ...sizes], kinds));
    return parts.join("\n");
  } finally {
    for (const kind of kinds) await kind.close();
  }
}

/**
 * @param {{ readonly entries: number, readonly perBatch: number }} shape
 * @param {readonly Kind[]} kinds
 */
async function shapeTables(shape, kinds) {
  const packs = Array.from({ length: PACKS }, (_, number) => recordPack(number, shape));
  const entries = packs.reduce((sum, { leaves }) => sum + leaves.length, 0);
  const none = new NoStore();
  await workThrough(none, packs);
  const hashed = await rate(entries, async () => {
    for (const { leaves } of packs) for (const leaf of leaves) sha256(leaf);
  });
  const verified = await rate(entries, () => workThrough(new NoStore(), packs));
  const rows = [
    {
      what: "verified, stored nowhere",
      ...verified,
      peer: "SHA-256 of the same bytes",
      of: hashed,
    },
  ];
  const figures = [];
  for (const kind of kinds) {
    const both = await rate(entries, (it) => workThrough(required(it), packs), kind);
    rows.push({
      what: `verified and stored, ${kind.name}`,
      ...both,
      peer: "verified only",
      of: verified,
    });
    const bytes = await kind.bytes();
    const alone = await rate(entries, (it) => commitAll(required(it), none.groups), kind);
    rows.push({
      what: `stored alone, ${kind.name}`,
      ...alone,
      peer: "verified only",
      of: verified,
    });
    figures.push(
      { what: `bytes on disk an entry, ${kind.name}`, value: bytes / entries, unit: "B" },
      {
        what: `share of the database's processes, verified and stored, ${kind.name}`,
        value: 100 * both.elsewhere,
        unit: "%",
      },
      {
        what: `entries a second of wall time, verified and stored, ${kind.name}`,
        value: both.perSecond,
        unit: "",
      },
    );
  }
  const leaves = packs.flatMap((pack) => pack.leaves);
  const mean = leaves.reduce((sum, { length }) => sum + length, 0) / leaves.length;
  const title = `Store, batches of ${shape.perBatch} (${PACKS} packs, entries of ${Math.round(mean)} B)`;
  const table = rows.map(({ what, rate: value, peer, of }) => ({
    what,
    rate: value,
    peer,
    peerRate: of.rate,
  }));
  return `${formatTable(title, "entry", table)}\n${formatFigures(`${title}, disk and time`, figures)}`;
}

/** @param {Store | undefined} it */
function required(it) {
  if (it === undefined) throw new Error("no store");
  return it;
}

/**
 * Entries a CPU-second, this process's and the store's; the median of some rounds after one to warm up.
 *
 * @param {number} entries
 * @param {(store: Store | undefined) => Promise<void>} work
 * @param {Kind} [kind] an empty store of it for each round
 */
async function rate(entries, work, kind) {
  const rounds = [];
  for (let i = 0; i <= ROUNDS; i += 1) {
    const it = await kind?.open();
    rounds.push(await measured(entries, () => work(it), kind));
  }
  const kept = rounds.slice(1);
  return {
    rate: median(kept.map((round) => round.rate)),
    elsewhere: median(kept.map((round) => round.elsewhere)),
    perSecond: median(kept.map((round) => round.perSecond)),
  };
}

/**
 * @param {number} entries
 * @param {() => Promise<void>} work
 * @param {Kind} [kind]
 */
async function measured(entries, work, kind) {
  const began = performance.now();
  const before = process.cpuUsage();
  const elsewhere = kind?.cpuSeconds() ?? 0;
  await work();
  const theirs = (kind?.cpuSeconds() ?? 0) - elsewhere;
  const { user, system } = process.cpuUsage(before);
  const cpu = (user + system) / 1e6 + theirs;
  const seconds = (performance.now() - began) / 1_000;
  return { rate: entries / cpu, elsewhere: theirs / cpu, perSecond: entries / seconds };
}

/**
 * @param {Store} it
 * @param {readonly (readonly import("@wattseal/federation").PackCommit[])[]} groups
 */
async function commitAll(it, groups) {
  for (const group of groups) {
    const outcomes = await it.commit(group, (head) => signCheckpoint(head, receiptLog));
    if (outcomes.some((outcome) => outcome !== "stored")) throw new Error("a conflict");
  }
}

/**
 * @param {readonly number[]} sizes
 * @param {readonly Kind[]} kinds
 */
async function lengthTables(sizes, kinds) {
  const rows = [];
  const figures = [];
  for (const kind of kinds) {
    /** @type {{ write: number, read: number } | undefined} */
    let least;
    for (const size of sizes) {
      const it = await kind.open();
      const fill = new Fill();
      while (fill.entries < size)
        await commitAll(it, [fill.group(Math.min(PER_COMMIT, (size - fill.entries) / PACKS))]);
      const groups = Array.from({ length: MEASURED / PACKS / PER_COMMIT }, () =>
        fill.group(PER_COMMIT),
      );
      const write = await measured(MEASURED, () => commitAll(it, groups), kind);
      const bytes = (await kind.bytes()) / fill.entries;
      const read = await measured(MEASURED, () => readBack(it, fill, MEASURED), kind);
      least ??= { write: write.rate, read: read.rate };
      const held = size.toLocaleString("en-US");
      rows.push(
        {
          what: `stored, ${kind.name} with ${held}`,
          rate: write.rate,
          peer: `with ${SHORT.toLocaleString("en-US")}`,
          peerRate: least.write,
        },
        {
          what: `read back, ${kind.name} with ${held}`,
          rate: read.rate,
          peer: `with ${SHORT.toLocaleString("en-US")}`,
          peerRate: least.read,
        },
      );
      figures.push({
        what: `bytes on disk an entry, ${kind.name} with ${held} and ${MEASURED.toLocaleString("en-US")} more`,
        value: bytes,
        unit: "B",
      });
    }
  }
  const title = "Store by what it holds, batches of 256";
  return `${formatTable(title, "entry", rows)}\n${formatFigures(`${title}, disk`, figures)}`;
}

/** The newest leaves of the packs, a page at a time. @param {Store} it @param {Fill} fill @param {number} count */
async function readBack(it, fill, count) {
  const each = count / PACKS;
  for (const { name, frontier } of fill.packs) {
    const from = Math.max(0, frontier.size - each);
    for (let at = from; at < frontier.size; ) at += (await it.leaves(name, at, 1_024)).length;
  }
}

const KINDS = 4;
const MODULES = 8;
const BLOCK = 256;
const NONE = { in: 0, out: 0 };
const REST = { suspect: NONE, unauthenticated: NONE, gap: NONE };
const SOCIETY = {
  ...{ supply: 0, atp: 0, reserved: 0, adp: 0, eligible: 0, withheld: 0, unclaimed: 0 },
  ...{ deficit: 0, opening: 0, net: 0, recordedLoss: 0, claims: 0, conversionLoss: 0, wasted: 0 },
};

/**
 * As much as eight modules' entries add to folds.
 *
 * @param {number} from
 * @param {number} to
 * @returns {import("@wattseal/federation").PackCommit["fold"]}
 */
function foldOf(from, to) {
  const blocks = [];
  for (let block = Math.floor(from / BLOCK); block * BLOCK < to; block += 1) blocks.push(block);
  const keys = Array.from({ length: KINDS + MODULES }, (_, i) => `key of a type or module ${i}`);
  const marks = blocks.flatMap((block) =>
    keys.map((key) => ({ key, block, bits: new Uint8Array(32).fill(block) })),
  );
  const energy = { consistent: { in: 1, out: 1 }, ...REST };
  const start = Math.floor(to / 600) * 3_600_000;
  const day = start - (start % 86_400_000);
  return {
    version: 1,
    summary: { time: to, society: SOCIETY, epochs: { software: 1 }, modules: keys, alarms: {} },
    energy: [
      { span: "hour", start, energy },
      { span: "day", start: day, energy },
    ],
    marks,
    subtrees: blocks
      .filter((block) => (block + 1) * BLOCK <= to)
      .map((index) => ({ tile: 1, index, root: new Uint8Array(32) })),
  };
}

/** Growth of packs without end, of leaves that look like entries. */
class Fill {
  entries = 0;
  packs = Array.from({ length: PACKS }, (_, i) => ({
    name: packName(`${"abcdefgh"[i % 8]}${"abcdefgh"[Math.floor(i / 8)]}`.padEnd(32, "q")),
    frontier: new Frontier(),
  }));
  #model = recordPack(0, { entries: 1_024, perBatch: 256 }).leaves;

  /** One commit of each pack. @param {number} wanted leaves of each, rounded up */
  group(wanted) {
    const count = Math.ceil(wanted);
    this.entries += count * PACKS;
    return this.packs.map(({ name, frontier }) => {
      const first = frontier.size;
      const previous = { size: first, nodes: frontier.nodes() };
      const leaves = Array.from({ length: count }, (_, i) => this.#leaf(first + i));
      for (const leaf of leaves) frontier.append(leafHash(leaf));
      const { size } = frontier;
      return {
        pack: name,
        previous,
        next: { size, nodes: frontier.nodes() },
        leaves: [{ first, leaves }],
        heads: [{ size, root: frontier.root() }],
        receipt: { size, text: "receipt ".repeat(48), record: new Uint8Array(430).fill(size) },
        stays: [],
        fold: foldOf(first, size),
      };
    });
  }

  /** @param {number} index */
  #leaf(index) {
    return this.#model[index % this.#model.length] ?? new Uint8Array(0);
  }
}
