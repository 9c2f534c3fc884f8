import { bytesEqual, type LctId, messageOf } from "@wattseal/base";
import { decodeEntry, type Entry, type EpochState } from "@wattseal/energy-ledger";
import {
  decodeEpochEvidence,
  EpochChain,
  type LctDocument,
  type VerifiedEpoch,
  verifyLctDocument,
} from "@wattseal/lct-keys/verify";
import { type Checkpoint, leafHash, verifyConsistency, verifyInclusion } from "@wattseal/tlog";
import { VerifierError, type VerifierErrorCode } from "../errors.js";
import { cosignersOf, type Witnessed } from "../log/witness.js";
import type { Trust } from "../trust/trust.js";
import { decodeProofFile, type ProofFile, type ProvenEntry, requireWhole } from "./file.js";

interface ProvenFacts {
  /** What was proven to be in the log. */
  readonly entry: Entry;
  readonly index: number;
  /** Whose log. */
  readonly lct: LctId;
  readonly origin: string;
  /** Entries of the tree it is in. */
  readonly size: number;
  /** The epoch that signed the head, and what is known of its boot. */
  readonly epoch: number;
  readonly epochState: EpochState;
}

/** `self-consistent only`: all holds together, but nobody accepted vouches for it. */
export type ProofReport =
  | (ProvenFacts & { readonly verdict: "self-consistent only" })
  | (ProvenFacts & {
      readonly verdict: "verified";
      /** Names in the trust file. */
      readonly authority: string;
      readonly witness: string;
      /** UTC seconds. */
      readonly witnessedAt: number;
    });

/** Runs one check; what it throws gets the part's name. */
function part<T>(name: string, code: VerifierErrorCode, check: () => T): T {
  try {
    return check();
  } catch (cause) {
    if (cause instanceof VerifierError) throw cause;
    throw new VerifierError(code, `${name}: ${messageOf(cause)}`, { cause });
  }
}

function wrongType(found: string, wanted: string): VerifierError {
  return new VerifierError("proof", `${wanted}: the entry given for it is ${found}`);
}

function included(proven: ProvenEntry, { size, root }: Checkpoint): void {
  const { bytes, index, inclusion } = proven;
  verifyInclusion({ index, size, leafHash: leafHash(bytes), proof: inclusion, root });
}

/** The log's identity, from entry 0. Its issuer is judged later. */
function documentOf({ document }: ProofFile): LctDocument {
  const entry = decodeEntry(document.bytes);
  if (entry.type !== "lct.document") throw wrongType(entry.type, "lct.document");
  if (document.index !== 0) {
    throw new VerifierError("proof", `lct.document: is entry ${document.index}, not entry 0`);
  }
  return verifyLctDocument(entry.body.sign1, "self-consistent");
}

/** The epoch that began at its entry, on the tree it says; its key then has to have signed the note. */
function signedHead(file: ProofFile, document: LctDocument) {
  const { index } = file.epoch;
  const chain = new EpochChain(document);
  part("epoch.begin", "proof", () => {
    const entry = decodeEntry(file.epoch.bytes);
    if (entry.type !== "epoch.begin") throw wrongType(entry.type, "epoch.begin");
    const { evidence } = entry.body;
    const { treeRoot } = decodeEpochEvidence(evidence).body;
    chain.begin(evidence, { treeSize: index, treeRoot, time: entry.timeMs });
  });
  const checkpoint = part("note", "checkpoint", () => chain.verifyCheckpoint(file.note));
  const epoch = chain.current;
  if (epoch === undefined) throw new VerifierError("proof", "epoch.begin: no epoch began");
  part(`epoch.begin (entry ${index})`, "proof", () => {
    included(file.epoch, checkpoint);
    requireContinued(file, epoch, checkpoint);
  });
  return { checkpoint, epoch };
}

function requireContinued(file: ProofFile, epoch: VerifiedEpoch, head: Checkpoint): void {
  verifyConsistency({
    size1: epoch.treeSize,
    root1: epoch.treeRoot,
    size2: head.size,
    root2: head.root,
    proof: file.consistency,
  });
}

/**
 * Checks a proof file offline: identity, epoch, signed head, and the entry in its tree. With `trust`, the
 * identity's issuer and a cosigning witness have to be accepted ones. Throws DecodeError or VerifierError, naming
 * the part that does not hold; any changed bit is refused.
 *
 * It proves that the entry is in this log under this head. It cannot show what the log says later, such as a
 * status that voids the identity.
 */
export function verifyProofFile(bytes: Uint8Array, trust?: Trust): ProofReport {
  const file = decodeProofFile(bytes);
  const { index } = file.entry;
  const entry = part(`entry ${index}`, "entry", () => decodeEntry(file.entry.bytes));
  const document = part("lct.document (entry 0)", "proof", () => documentOf(file));
  const { checkpoint, epoch } = signedHead(file, document);
  part("lct.document (entry 0)", "proof", () => included(file.document, checkpoint));
  part(`entry ${index} (${entry.type})`, "proof", () => included(file.entry, checkpoint));
  const facts = {
    entry,
    index,
    lct: document.lct,
    origin: document.origin,
    size: checkpoint.size,
    epoch: epoch.epoch,
    epochState: epoch.state,
  };
  const vouched = trust === undefined ? undefined : vouchedBy(file, document, trust);
  requireWhole(bytes);
  return vouched === undefined
    ? { ...facts, verdict: "self-consistent only" }
    : { ...facts, verdict: "verified", ...vouched };
}

function vouchedBy({ note }: ProofFile, document: LctDocument, trust: Trust) {
  const { publicKey: issuer } = document.issuer;
  const authority = trust.authorities.find(({ publicKey }) => bytesEqual(publicKey, issuer));
  const [cosigner]: readonly (Witnessed | undefined)[] = cosignersOf(note, document.origin, trust);
  if (authority === undefined) {
    throw new VerifierError("trust", "lct.document: its issuer is no accepted authority");
  }
  if (cosigner === undefined) {
    throw new VerifierError("trust", "note: no accepted witness has cosigned it");
  }
  const { witness, time } = cosigner;
  return { authority: authority.name, witness, witnessedAt: time };
}
