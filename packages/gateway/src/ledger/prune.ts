import { setImmediate } from "node:timers/promises";
import { type Logger, type Millis, messageOf } from "@wattseal/base";
import { decodeEntry } from "@wattseal/energy-ledger";
import type { EpochChain, LctDocument } from "@wattseal/lct-keys/verify";
import { quorumSize } from "@wattseal/tlog";
import { LogStore } from "@wattseal/tlog/store";
import { type Destination, verifyReceipt } from "@wattseal/uplink";
import {
  firstReplay,
  type LogReplay,
  resumeReplay,
  snapshotName,
  type Trust,
} from "@wattseal/verifier";
import { GatewayError } from "../errors.js";
import { recordsNeedFrom } from "../records/daily-records.js";
import { keptReceipt } from "./receipts.js";
import { replayStored } from "./replay-stored.js";
import { SnapshotFiles } from "./snapshots.js";

/** What has to hold before anything goes. */
export interface PruneRules {
  readonly document: LctDocument;
  readonly trust: Trust;
  /** Every federation that this gateway delivers to. */
  readonly destinations: readonly Destination[];
  /** How many of them have to have what goes; default: all. */
  readonly quorum?: number | undefined;
  /** What may go: entries below this index, or dated before this time (UTC ms). */
  readonly before: { readonly entry: number } | { readonly time: Millis };
  readonly logger: Logger;
}

export interface PruneOptions extends PruneRules {
  /** Folder of a log that nobody writes to. */
  readonly directory: string;
}

/** A log and what was read of it. */
export interface ReplayedLog {
  readonly store: LogStore;
  readonly snapshots: SnapshotFiles;
  /** The log's epochs. */
  readonly chain: Pick<EpochChain, "at">;
}

export interface Pruned {
  /** The lowest entry before and now. */
  readonly from: number;
  readonly firstEntry: number;
  /** Index of the ops.snapshot that says what was before it; its file stays. */
  readonly snapshot: number;
  readonly size: number;
}

/** Prunes a log that nobody writes to. Throws what `prune` throws, and what opening a log throws. */
export async function pruneLog(options: PruneOptions): Promise<Pruned> {
  const { directory, logger } = options;
  const store = await LogStore.open({ directory, create: false });
  try {
    const snapshots = new SnapshotFiles(store, logger);
    const replay = replayStored(store, snapshots, options);
    return await prune({ store, snapshots, chain: chainOf(replay) }, options);
  } finally {
    await store.close();
  }
}

/**
 * Removes what is below the last ops.snapshot entry that the request, the receipts of a quorum and the coming
 * daily record allow, once its state is kept beside the log and has been read back. The federation then has the only
 * copy of what went. Entries may be appended meanwhile. Throws GatewayError `not-prunable`, which says what is in the
 * way.
 */
export async function prune(log: ReplayedLog, rules: PruneRules): Promise<Pruned> {
  const { document, trust, logger } = rules;
  const { store, snapshots } = log;
  const bounds = [
    requested(store, rules.before),
    witnessed(log, rules),
    { most: recordsNeedFrom({ store, document, logger }), why: "the coming daily record needs it" },
  ];
  const bound = bounds.reduce((least, other) => (other.most < least.most ? other : least));
  const from = store.firstEntry;
  const index = await lastSnapshot(store, bound.most);
  if (index === undefined) {
    const what = `no ops.snapshot stands at entry ${bound.most} or below (above, ${bound.why})`;
    throw notPrunable(`${what}; nothing was pruned`);
  }
  await keepState(store, index, trust);
  const firstEntry = await store.prune(index, (floor) => proofBase(log, floor));
  await snapshots.tidy();
  logger.info("ledger.pruned", { from, firstEntry, snapshot: index });
  return { from, firstEntry, snapshot: index, size: store.durableSize };
}

/** What every proof of a later entry begins with: the document, and the epoch under which the entries at the floor stand. */
function proofBase({ chain }: ReplayedLog, floor: number): readonly number[] {
  const begin = chain.at(floor)?.treeSize;
  return begin === undefined ? [0] : [0, begin];
}

export function chainOf({ chain }: Pick<LogReplay, "chain">): EpochChain {
  if (chain !== undefined) return chain;
  throw notPrunable("the log is empty");
}

interface Bound {
  /** The highest entry that may be the first to stay. */
  readonly most: number;
  /** Why none above it. */
  readonly why: string;
}

function requested(store: LogStore, before: PruneOptions["before"]): Bound {
  const why = "it was asked to stay";
  if ("entry" in before) return { most: before.entry, why };
  let low = store.firstEntry;
  let high = store.durableSize;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (decodeEntry(store.entry(middle)).timeMs < before.time) low = middle + 1;
    else high = middle;
  }
  return { most: low, why };
}

/** The digest has to be witnessed itself: it is all that speaks for what goes. */
function witnessed(log: ReplayedLog, rules: PruneRules): Bound {
  const { destinations, quorum = destinations.length } = rules;
  if (destinations.length === 0) return { most: log.store.durableSize, why: "the log ends there" };
  const sizes = destinations.map((destination) => witnessedBy(log, destination, rules));
  const size = quorumSize(sizes, quorum);
  const behind = destinations.filter((_, i) => (sizes[i] ?? 0) <= size).map(({ name }) => name);
  if (size > 0) return { most: size - 1, why: `${behind.join(" or ")} has not witnessed it` };
  throw notPrunable(`${behind.join(" and ")} has witnessed nothing of this log yet`);
}

/** Entries; 0 without a receipt. */
function witnessedBy(
  { store, chain }: ReplayedLog,
  witness: Destination,
  { document: { origin } }: PruneRules,
): number {
  const receipt = keptReceipt(store, witness);
  if (receipt === undefined) return 0;
  const log = {
    size: store.durableSize,
    root: (size: number) => store.root(size),
    keyAt: (size: number) => chain.at(size)?.publicKey,
  };
  try {
    return verifyReceipt(receipt.text, { origin, witness, log }).checkpoint.size;
  } catch (cause) {
    const problem = `the receipt of ${witness.name} does not hold: ${messageOf(cause)}`;
    throw notPrunable(problem, { cause });
  }
}

/** Entries that are read before others have their turn: a millisecond at most. Heartbeats do not wait for a replay. */
const AT_ONCE = 32;

async function lastSnapshot(store: LogStore, most: number): Promise<number | undefined> {
  for (let index = Math.min(most, store.durableSize - 1); index >= store.firstEntry; index -= 1) {
    if (decodeEntry(store.entry(index)).type === "ops.snapshot") return index;
    if (index % AT_ONCE === 0) await setImmediate();
  }
  return undefined;
}

/** Makes the state anew where its file is not there, or does not hold; what is there in the end has been read back. */
async function keepState(store: LogStore, index: number, trust: Trust): Promise<void> {
  const name = snapshotName(index);
  const kept = store.readDocumentBytes(name);
  if (kept !== undefined && holds(kept, index, store, trust)) return;
  const replay = firstReplay(store, trust);
  if (replay.size > index) {
    const problem = `the first snapshot that holds is that of entry ${replay.size}`;
    throw notPrunable(`what was before entry ${index} cannot be computed again: ${problem}`);
  }
  for (let at = replay.size; at < index; at += 1) {
    replay.append(store.entry(at), store.leafHash(at));
    if (at % AT_ONCE === 0) await setImmediate();
  }
  await store.writeDocument(name, replay.snapshot());
  resumeReplay(store.readDocumentBytes(name) ?? new Uint8Array(), index, store, trust);
}

function holds(bytes: Uint8Array, index: number, store: LogStore, trust: Trust): boolean {
  try {
    resumeReplay(bytes, index, store, trust);
    return true;
  } catch {
    return false;
  }
}

function notPrunable(message: string, options?: ErrorOptions): GatewayError {
  return new GatewayError("not-prunable", "usage", message, options);
}
