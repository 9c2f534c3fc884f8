/**
 * Who signed a message, told without replaying the pack's log: cheap enough to ask of junk, and asked before a message is
 * kept, waited for, or makes a log be loaded.
 */
import { decodeEntry, type Entry } from "@wattseal/energy-ledger";
import { decodeEpochEvidence, type EpochChain, verifyEpoch } from "@wattseal/lct-keys/verify";
import { verifyCheckpoint } from "@wattseal/tlog";
import type { PackName } from "@wattseal/uplink";
import { Refused } from "./refused.js";

/** A pack whose log is stored. */
export interface KnownPack {
  readonly pack: PackName;
  /** Leaves of the log, with those that this round has still to commit. */
  readonly size: number;
  readonly committed: number;
  /** Its document, under an accepted authority, and every epoch in the log. */
  readonly chain: EpochChain;
  readonly receipt: string | undefined;
}

/** Evidence that a message may be judged by, beside the log: offered on `epoch`, or among the message's own leaves. */
export interface Hints {
  readonly offered: Uint8Array | undefined;
  readonly leaves: readonly Uint8Array[];
}

/** Of an epoch that the anchor vouches for. */
export interface Vouched {
  readonly epoch: number;
  readonly publicKey: Uint8Array;
  /** It signs no tree up to this size. */
  readonly treeSize: number;
}

/**
 * Evidence of an epoch after the chain's last: anchor's signature and LCT only, since where this epoch begins is not
 * known yet. Throws DecodeError, LctKeysError.
 */
export function vouchedKey(evidence: Uint8Array, chain: EpochChain): Vouched {
  const { document, lastCounter: previousCounter, bootVersion: previousBootVersion } = chain;
  const { treeSize, treeRoot, time } = decodeEpochEvidence(evidence).body;
  const at = { treeSize, treeRoot, time };
  return verifyEpoch(evidence, { document, previousCounter, previousBootVersion, ...at });
}

/**
 * A checkpoint beyond the log that is known: under its current epoch's key, or under that of a later epoch which the
 * anchor vouches for. Throws Refused `signature`.
 */
export function requireSignedAhead(note: string, size: number, chain: EpochChain, hints: Hints) {
  if (chain.current !== undefined && isSignedBy(note, chain.current.publicKey, chain)) return;
  if (isSignedByLater(note, size, chain, hints)) return;
  throw new Refused("signature", `the checkpoint of size ${size} is under no key of the pack's`);
}

/** Under the key of an epoch after the chain's last, which the anchor vouches for. */
export function isSignedByLater(
  note: string,
  size: number,
  chain: EpochChain,
  hints: Hints,
): boolean {
  for (const evidence of evidenceOf(hints)) {
    const vouched = vouchedOrNone(evidence, chain);
    if (vouched === undefined || size <= vouched.treeSize) continue;
    if (isSignedBy(note, vouched.publicKey, chain)) return true;
  }
  return false;
}

function isSignedBy(note: string, publicKey: Uint8Array, { document }: EpochChain): boolean {
  try {
    verifyCheckpoint(note, { name: document.origin, publicKey });
    return true;
  } catch {
    return false;
  }
}

function* evidenceOf({ offered, leaves }: Hints): Generator<Uint8Array> {
  if (offered !== undefined) yield offered;
  for (const leaf of leaves) {
    const evidence = evidenceIn(leaf);
    if (evidence !== undefined) yield evidence;
  }
}

function vouchedOrNone(evidence: Uint8Array, chain: EpochChain): Vouched | undefined {
  try {
    return vouchedKey(evidence, chain);
  } catch {
    return undefined;
  }
}

/** The evidence in a leaf that is an epoch.begin. */
export function evidenceIn(leaf: Uint8Array): Uint8Array | undefined {
  let entry: Entry;
  try {
    entry = decodeEntry(leaf);
  } catch {
    return undefined;
  }
  return entry.type === "epoch.begin" ? entry.body.evidence : undefined;
}
