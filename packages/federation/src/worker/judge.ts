/** What one message of a pack is, against what is known of its log. Changes nothing but the log it grows. */
import { bytesEqual, fromUtf8, originOf, toBase64 } from "@wattseal/base";
import {
  decodeEpochEvidence,
  type EpochChain,
  isCloneProof,
  type LctDocument,
} from "@wattseal/lct-keys/verify";
import { type Checkpoint, verifyCheckpoint } from "@wattseal/tlog";
import {
  type Batch,
  checkBatch,
  checkResponse,
  type LeafResponse,
  type PackName,
  soleCheckpoint,
} from "@wattseal/uplink";
import type { FederationStore } from "../store/port.js";
import { evidenceIn, isSignedByLater, type KnownPack, requireSignedAhead } from "./authenticity.js";
import type { Growth, PackLog } from "./pack-log.js";
import { Refused } from "./refused.js";
import { storedRoot } from "./stored-root.js";

export type Message = Batch | LeafResponse;

export type Judgement =
  /** It begins where the log ends: `growBy` says the rest. */
  | { readonly kind: "next"; readonly message: Message }
  /** Nothing new in it: the stored receipt again. */
  | { readonly kind: "known" }
  /** Signed, and it begins beyond what is known; `size`: of its checkpoint. */
  | { readonly kind: "ahead"; readonly from: number; readonly size: number }
  /** It touches leaves that this round has still to commit. */
  | { readonly kind: "later" };

export class ForkFound extends Refused {
  readonly contradiction: "checkpoint" | "epoch";
  readonly size: number;
  /** Evidence of an epoch that the proof rests on, and that the stored log does not have. */
  readonly beside: Uint8Array | undefined;

  constructor(
    contradiction: ForkFound["contradiction"],
    size: number,
    { message, beside }: { readonly message: string; readonly beside?: Uint8Array | undefined },
  ) {
    super("fork", message, { attested: true });
    this.contradiction = contradiction;
    this.size = size;
    this.beside = beside;
  }
}

export interface JudgeContext {
  readonly known: KnownPack;
  readonly store: FederationStore;
  /** Epoch evidence that the pack offered on its `epoch` topic. */
  readonly offered: Uint8Array | undefined;
}

/** Throws Refused `origin`, UplinkError `batch-note`. */
export function requireOwnOrigin(message: Message, pack: PackName): Checkpoint {
  const origin = originOf(pack);
  const checkpoint = soleCheckpoint(message.checkpoint);
  const stated = "origin" in message ? [message.origin, checkpoint.origin] : [checkpoint.origin];
  const other = stated.find((name) => name !== origin);
  if (other === undefined) return checkpoint;
  throw new Refused("origin", `message: is of the log ${JSON.stringify(other)}`);
}

const MAX_NOTE_BYTES = 2048;

/** A message of `head`. Throws Refused `malformed`, `origin`, DecodeError, UplinkError `batch-note`. */
export function headIn(payload: Uint8Array, pack: PackName) {
  if (payload.length > MAX_NOTE_BYTES) throw new Refused("malformed", "head: is too long");
  const note = fromUtf8(payload, "head");
  const checkpoint = soleCheckpoint(note);
  if (checkpoint.origin === originOf(pack)) return { note, checkpoint };
  throw new Refused("origin", `head: is of the log ${JSON.stringify(checkpoint.origin)}`);
}

/** Needs no log in memory. Throws Refused and what the verifiers throw (`refusalOf` translates). */
export async function judge(message: Message, context: JudgeContext): Promise<Judgement> {
  const { known } = context;
  const checkpoint = requireOwnOrigin(message, known.pack);
  const end = message.prevSize + message.leaves.length;
  if ("origin" in message && checkpoint.size !== end) {
    throw new Refused("size", `batch: ends at ${end}, its checkpoint at ${checkpoint.size}`);
  }
  if (message.prevSize > known.size) {
    requireSignedAhead(message.checkpoint, checkpoint.size, known.chain, {
      offered: context.offered,
      leaves: message.leaves,
    });
    return { kind: "ahead", from: message.prevSize, size: checkpoint.size };
  }
  if (message.prevSize === known.size) return { kind: "next", message };
  // A response is what was asked for: one that begins before the end answers a request of long ago.
  return "origin" in message ? judgeOverlap(message, checkpoint, context) : { kind: "known" };
}

async function judgeOverlap(
  batch: Batch,
  checkpoint: Checkpoint,
  context: JudgeContext,
): Promise<Judgement> {
  const { size, committed } = context.known;
  const end = batch.prevSize + batch.leaves.length;
  if (Math.min(end, size) > committed) return { kind: "later" };
  if (end <= size) {
    await requireNoForkOrClone(batch, checkpoint, context);
    await requireSameLeaves(batch.prevSize, batch.leaves, context);
    return { kind: "known" };
  }
  const overlap = size - batch.prevSize;
  await requireSameLeaves(batch.prevSize, batch.leaves.slice(0, overlap), context);
  const message = { ...batch, prevSize: size, leaves: batch.leaves.slice(overlap) };
  return { kind: "next", message };
}

/** What a log has to be loaded for: junk is found out before. Throws Refused `signature`, ForkFound. */
export function requireWorthLoading(message: Message, { known, offered }: JudgeContext): void {
  const { checkpoint: note, leaves, prevSize } = message;
  try {
    requireSignedAhead(note, soleCheckpoint(note).size, known.chain, { offered, leaves });
  } catch (error) {
    requireNoClone(leaves, prevSize, known.chain);
    throw error;
  }
}

/** Lets the log grow by what begins at its end; a response's checkpoint may lie beyond its leaves. Throws as `judge`. */
export function growBy(message: Message, log: PackLog, offered: Uint8Array | undefined): Growth {
  const extension =
    "origin" in message
      ? checkBatch(message, log.frontier)
      : checkResponse(message, originOf(log.pack), log.frontier);
  const growth = { ...extension, leaves: message.leaves, note: message.checkpoint };
  const first = log.size;
  try {
    log.grow(growth, offered);
  } catch (error) {
    requireNoClone(growth.leaves, first, log.chain);
    throw error;
  }
  return growth;
}

/**
 * A head of a size that is stored: signed by the pack's key, and of the stored root. `leaves`: of the message that brought
 * it. Throws ForkFound, Refused, TlogError.
 */
export async function requireNoFork(
  note: string,
  checkpoint: Checkpoint,
  context: JudgeContext,
  leaves: readonly Uint8Array[] = [],
): Promise<void> {
  const { pack } = context.known;
  const isLater = requireSigned(note, checkpoint, context, leaves);
  const root = await storedRoot(context.store, pack, checkpoint.size);
  if (!bytesEqual(root, checkpoint.root)) {
    const message = `the pack signed root ${toBase64(checkpoint.root)} for size ${checkpoint.size}, the stored log has ${toBase64(root)}`;
    const beside = isLater ? context.offered : undefined;
    throw new ForkFound("checkpoint", checkpoint.size, { message, beside });
  }
  if (isLater) {
    throw new Refused("signature", `size ${checkpoint.size} was reached under an earlier epoch`);
  }
}

/**
 * True: not under the key of that size's epoch, but of a later one of the anchor's. Whoever runs a copy of the machine
 * begins an epoch that the stored log does not have, and signs with it what the stored log contradicts.
 */
function requireSigned(
  note: string,
  { size }: Checkpoint,
  { known: { pack, chain }, offered }: JudgeContext,
  leaves: readonly Uint8Array[],
): boolean {
  const publicKey = chain.at(size)?.publicKey;
  if (publicKey === undefined) {
    throw new Refused("signature", `no epoch had begun at size ${size}`);
  }
  try {
    verifyCheckpoint(note, { name: originOf(pack), publicKey });
    return false;
  } catch (error) {
    if (isSignedByLater(note, size, chain, { offered, leaves })) return true;
    throw error;
  }
}

/** A clone's checkpoints are under keys of its own: its epochs prove what they cannot. */
async function requireNoForkOrClone(batch: Batch, checkpoint: Checkpoint, context: JudgeContext) {
  try {
    await requireNoFork(batch.checkpoint, checkpoint, context, batch.leaves);
  } catch (error) {
    requireNoClone(batch.leaves, batch.prevSize, context.known.chain);
    throw error;
  }
}

async function requireSameLeaves(
  first: number,
  leaves: readonly Uint8Array[],
  { known, store }: JudgeContext,
): Promise<void> {
  const stored = await store.leaves(known.pack, first, leaves.length);
  const other = leaves.findIndex((leaf, i) => !bytesEqual(leaf, stored[i] ?? new Uint8Array(0)));
  if (other === -1) return;
  requireNoClone(leaves, first, known.chain);
  throw new Refused("leaf", `leaf ${first + other} differs from the one that is stored`);
}

/** Another validly signed body for the counter of an epoch that is in the log proves a clone. */
function requireNoClone(
  leaves: readonly Uint8Array[],
  first: number,
  chain: EpochChain | undefined,
): void {
  if (chain === undefined) return;
  for (const [i, leaf] of leaves.entries()) {
    const evidence = evidenceIn(leaf);
    if (evidence === undefined) continue;
    const twin = twinOf(evidence, chain);
    if (twin === undefined) continue;
    const message = `leaf ${first + i} begins epoch ${twin.epoch} with another body than entry ${twin.treeSize}, both signed by the anchor`;
    throw new ForkFound("epoch", twin.treeSize, { message });
  }
}

/** Told by their counters first: a log may have begun epochs by the thousand, and anyone may send evidence. */
function twinOf(evidence: Uint8Array, { document, epochs }: EpochChain) {
  const counter = counterOf(evidence);
  const known = epochs.find(({ epoch }) => epoch === counter);
  if (known === undefined) return undefined;
  return isTwin(document, known.evidence, evidence) ? known : undefined;
}

function counterOf(evidence: Uint8Array): number | undefined {
  try {
    return decodeEpochEvidence(evidence).body.epoch;
  } catch {
    return undefined;
  }
}

/** Evidence as a pack offers it on its `epoch` topic: that there is a copy shows before it signs anything. Throws ForkFound. */
export function requireNoTwin(
  evidence: Uint8Array,
  { chain }: KnownPack,
  offered: Uint8Array | undefined,
): void {
  const twin = twinOf(evidence, chain);
  if (twin !== undefined) {
    const message = `epoch ${twin.epoch} is offered with another body than entry ${twin.treeSize} has, both signed by the anchor`;
    throw new ForkFound("epoch", twin.treeSize, { message });
  }
  if (offered === undefined || !isTwin(chain.document, offered, evidence)) return;
  const message =
    "an epoch that has yet to begin is offered with two bodies, both signed by the anchor";
  throw new ForkFound("epoch", chain.current?.treeSize ?? 0, { message, beside: offered });
}

/** Two bodies for one counter, both signed by the document's anchor. False for what is no evidence. */
export function isTwin(document: LctDocument, known: Uint8Array, offered: Uint8Array): boolean {
  try {
    return isCloneProof(document, known, offered);
  } catch {
    return false;
  }
}
