/** What one message of a pack is, against what is known of its log. Changes nothing but the log it grows. */
import { bytesEqual, originOf, toBase64 } from "@wattseal/base";
import { decodeEntry, type Entry } from "@wattseal/energy-ledger";
import { isCloneProof, type LctDocument } from "@wattseal/lct-keys/verify";
import { type Checkpoint, Frontier, leafHash } from "@wattseal/tlog";
import {
  type Batch,
  checkBatch,
  checkResponse,
  type LeafResponse,
  soleCheckpoint,
} from "@wattseal/uplink";
import type { FederationStore } from "../store/port.js";
import type { Growth, PackLog } from "./pack-log.js";
import { Refused } from "./refused.js";

export type Judgement =
  /** The log has grown by it. */
  | { readonly kind: "grown"; readonly growth: Growth; readonly first: number }
  /** Nothing new in it: the stored receipt again. */
  | { readonly kind: "known" }
  /** It begins beyond what is known. */
  | { readonly kind: "ahead"; readonly from: number }
  /** It touches leaves that this round has still to commit. */
  | { readonly kind: "later" };

export class ForkFound extends Refused {
  readonly contradiction: "checkpoint" | "epoch";
  readonly size: number;

  constructor(contradiction: ForkFound["contradiction"], size: number, message: string) {
    super("fork", message, { attested: true });
    this.contradiction = contradiction;
    this.size = size;
  }
}

export interface JudgeContext {
  readonly log: PackLog;
  readonly store: FederationStore;
  /** Leaves of the log that the store has; the rest is this round's. */
  readonly committed: number;
  /** Epoch evidence that the pack offered on its `epoch` topic. */
  readonly offered: Uint8Array | undefined;
}

/** Throws Refused and what the verifiers throw (`refusalOf` translates). */
export async function judgeBatch(batch: Batch, context: JudgeContext): Promise<Judgement> {
  const { log } = context;
  const origin = originOf(log.pack);
  if (batch.origin !== origin) {
    throw new Refused("origin", `batch: is of the log ${JSON.stringify(batch.origin)}`);
  }
  const checkpoint = soleCheckpoint(batch.checkpoint);
  const end = batch.prevSize + batch.leaves.length;
  if (batch.prevSize > log.size) return { kind: "ahead", from: batch.prevSize };
  const first = log.size;
  if (batch.prevSize === first) {
    const extension = checkBatch(batch, log.frontier);
    const growth = { ...extension, leaves: batch.leaves, note: batch.checkpoint };
    growOrClone(growth, context);
    return { kind: "grown", growth, first };
  }
  if (Math.min(end, first) > context.committed) return { kind: "later" };
  if (end <= first) {
    if (checkpoint.origin !== origin) throw new Refused("origin", "checkpoint: is of another log");
    if (checkpoint.size !== end) {
      throw new Refused("size", `batch: ends at ${end}, its checkpoint at ${checkpoint.size}`);
    }
    await requireNoForkOrClone(batch, checkpoint, context);
    await requireSameLeaves(batch.prevSize, batch.leaves, context);
    return { kind: "known" };
  }
  await requireSameLeaves(batch.prevSize, batch.leaves.slice(0, first - batch.prevSize), context);
  const rest = { ...batch, prevSize: first, leaves: batch.leaves.slice(first - batch.prevSize) };
  return judgeBatch(rest, context);
}

/** As `judgeBatch`; a response's checkpoint may lie beyond its leaves. */
export async function judgeResponse(
  response: LeafResponse,
  context: JudgeContext,
): Promise<Judgement> {
  const { log } = context;
  const first = log.size;
  if (response.prevSize > first) return { kind: "ahead", from: response.prevSize };
  if (response.prevSize < first) return { kind: "known" };
  const extension = checkResponse(response, originOf(log.pack), log.frontier);
  const growth = { ...extension, leaves: response.leaves, note: response.checkpoint };
  growOrClone(growth, context);
  return { kind: "grown", growth, first };
}

/**
 * A head of a size that is stored: signed by the pack's key, and of the stored root. Throws ForkFound, Refused,
 * LctKeysError, TlogError.
 */
export async function requireNoFork(
  note: string,
  checkpoint: Checkpoint,
  { log, store }: JudgeContext,
): Promise<void> {
  log.verifySignature(note, checkpoint.size);
  const root = await rootAt(store, log, checkpoint.size);
  if (bytesEqual(root, checkpoint.root)) return;
  throw new ForkFound(
    "checkpoint",
    checkpoint.size,
    `the pack signed root ${toBase64(checkpoint.root)} for size ${checkpoint.size}, the stored log has ${toBase64(root)}`,
  );
}

/** A clone's checkpoints are under keys of its own: its epochs prove what they cannot. */
async function requireNoForkOrClone(batch: Batch, checkpoint: Checkpoint, context: JudgeContext) {
  try {
    await requireNoFork(batch.checkpoint, checkpoint, context);
  } catch (error) {
    requireNoClone(batch.leaves, batch.prevSize, context.log);
    throw error;
  }
}

function growOrClone(growth: Growth, { log, offered }: JudgeContext): void {
  const first = log.size;
  try {
    log.grow(growth, offered);
  } catch (error) {
    requireNoClone(growth.leaves, first, log);
    throw error;
  }
}

async function requireSameLeaves(
  first: number,
  leaves: readonly Uint8Array[],
  { log, store }: JudgeContext,
): Promise<void> {
  const stored = await store.leaves(log.pack, first, leaves.length);
  const other = leaves.findIndex((leaf, i) => !bytesEqual(leaf, stored[i] ?? new Uint8Array(0)));
  if (other === -1) return;
  requireNoClone(leaves, first, log);
  throw new Refused("leaf", `leaf ${first + other} differs from the one that is stored`);
}

/** Another validly signed body for the counter of an epoch that is in the log proves a clone. */
function requireNoClone(leaves: readonly Uint8Array[], first: number, { chain }: PackLog): void {
  if (chain === undefined) return;
  for (const [i, leaf] of leaves.entries()) {
    const evidence = evidenceIn(leaf);
    if (evidence === undefined) continue;
    const twin = chain.epochs.find((epoch) => isTwin(chain.document, epoch.evidence, evidence));
    if (twin === undefined) continue;
    const message = `leaf ${first + i} begins epoch ${twin.epoch} with another body than entry ${twin.treeSize}, both signed by the anchor`;
    throw new ForkFound("epoch", first + i, message);
  }
}

function isTwin(document: LctDocument, known: Uint8Array, offered: Uint8Array): boolean {
  try {
    return isCloneProof(document, known, offered);
  } catch {
    return false;
  }
}

function evidenceIn(leaf: Uint8Array): Uint8Array | undefined {
  let entry: Entry;
  try {
    entry = decodeEntry(leaf);
  } catch {
    return undefined;
  }
  return entry.type === "epoch.begin" ? entry.body.evidence : undefined;
}

const PAGE = 1024;

async function rootAt(store: FederationStore, log: PackLog, size: number): Promise<Uint8Array> {
  const known = await store.head(log.pack, size);
  if (known !== undefined) return known;
  const frontier = new Frontier();
  while (frontier.size < size) {
    const page = await store.leaves(log.pack, frontier.size, Math.min(PAGE, size - frontier.size));
    if (page.length === 0) {
      throw new Refused("size", `only ${frontier.size} of ${size} leaves are stored`);
    }
    for (const leaf of page) frontier.append(leafHash(leaf));
  }
  return frontier.root();
}
