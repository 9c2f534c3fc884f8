/** Verifying one epoch's evidence against the LCT that claims it and the tree it continues (design: identity, Epochs). */
import { bytesEqual, toHex, verifyP256 } from "@wattseal/base";
import { type BootJudgement, judgeBoot } from "./boot-state.js";
import type { LctDocument } from "./document.js";
import { LctKeysError } from "./errors.js";
import {
  decodeEpochEvidence,
  type EpochBody,
  type EpochEvidence,
  epochSignedBytes,
} from "./evidence.js";

/** 31 days: longer, and a key drawn at start is no longer a fresh one. */
export const EPOCH_MAX_AGE_MS = 31 * 24 * 3_600_000;

export interface EpochContext {
  /** Verified before. */
  readonly document: LctDocument;
  /** 0 before the first epoch. */
  readonly previousCounter: number;
  /** The highest `bootVersion` of the epochs before; 0 without any. */
  readonly previousBootVersion: number;
  /** The tree that the epoch.begin entry extends. */
  readonly treeSize: number;
  readonly treeRoot: Uint8Array;
  /** Of the epoch.begin entry, ms; the evidence cannot be younger. */
  readonly time: number;
}

export interface VerifiedEpoch extends EpochBody, BootJudgement {
  /** ms: no entry of this epoch may be later. */
  readonly expiresAt: number;
  readonly evidence: Uint8Array;
}

/** Checks LCT and anchor's signature: what makes a body *validly signed*, wherever it turns up. */
function requireSignedBy(document: LctDocument, evidence: EpochEvidence): void {
  const { body, bodyBytes, signature } = evidence;
  if (body.lct !== document.lct || document.anchor.type !== "p256") {
    throw new LctKeysError(
      "epoch-lct",
      `epoch ${body.epoch} of ${body.lct} is none of ${document.lct}'s`,
    );
  }
  if (!verifyP256(document.anchor.publicKey, epochSignedBytes(bodyBytes), signature)) {
    throw new LctKeysError(
      "epoch-signature",
      `epoch ${body.epoch} is not signed by the anchor of ${document.lct}`,
    );
  }
}

function judge(
  context: EpochContext,
  { body, bodyBytes, ...evidence }: EpochEvidence,
): BootJudgement {
  const { document, previousBootVersion } = context;
  const subject = { code: "epoch-attestation", subject: `epoch ${body.epoch}` } as const;
  const about = { document, previousBootVersion, subject };
  const { claims, ...judgement } = judgeBoot(about, evidence, epochSignedBytes(bodyBytes));
  if (claims === undefined || claims.counter === BigInt(body.epoch)) return judgement;
  throw new LctKeysError(
    "epoch-attestation",
    `epoch ${body.epoch} begins, but the TPM certifies its counter at ${claims.counter}`,
  );
}

function requireTree(body: EpochBody, context: EpochContext): void {
  const sameRoot = bytesEqual(body.treeRoot, context.treeRoot);
  if (body.treeSize === context.treeSize && sameRoot) return;
  throw new LctKeysError(
    "epoch-tree",
    `epoch ${body.epoch} continues a tree of ${body.treeSize} (${toHex(body.treeRoot)}), but stands after one of ${context.treeSize} (${toHex(context.treeRoot)})`,
  );
}

/**
 * Throws DecodeError, or LctKeysError `epoch-lct`, `epoch-signature`, `epoch-counter` (not above the last),
 * `epoch-tree` (continues another tree than it extends), `epoch-time` (made after it was recorded), `epoch-attestation`
 * (the document's TPM did not say what an epoch of this counter needs, or there is none).
 */
export function verifyEpoch(evidence: Uint8Array, context: EpochContext): VerifiedEpoch {
  const decoded = decodeEpochEvidence(evidence);
  const { body } = decoded;
  requireSignedBy(context.document, decoded);
  if (body.epoch <= context.previousCounter) {
    throw new LctKeysError(
      "epoch-counter",
      `epoch ${body.epoch} is not above the last, ${context.previousCounter}`,
    );
  }
  requireTree(body, context);
  if (body.time > context.time) {
    throw new LctKeysError(
      "epoch-time",
      `epoch ${body.epoch} states time ${body.time}, after its entry's ${context.time}`,
    );
  }
  return {
    ...body,
    ...judge(context, decoded),
    expiresAt: body.time + EPOCH_MAX_AGE_MS,
    evidence: new Uint8Array(evidence),
  };
}

function isValidlySigned(document: LctDocument, evidence: EpochEvidence): boolean {
  try {
    requireSignedBy(document, evidence);
    return true;
  } catch {
    return false;
  }
}

/**
 * True when `a` and `b` prove that the anchor's machine was cloned or its counter turned back: two different
 * bodies for one counter, both validly signed. Throws DecodeError for bytes that are no evidence.
 */
export function isCloneProof(document: LctDocument, a: Uint8Array, b: Uint8Array): boolean {
  const first = decodeEpochEvidence(a);
  const second = decodeEpochEvidence(b);
  if (first.body.epoch !== second.body.epoch) return false;
  if (bytesEqual(first.bodyBytes, second.bodyBytes)) return false;
  return isValidlySigned(document, first) && isValidlySigned(document, second);
}
