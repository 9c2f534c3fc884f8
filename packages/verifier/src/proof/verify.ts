import { bytesEqual, type LctId, messageOf } from "@wattseal/base";
import { decodeEntry, type Entry, type EpochState } from "@wattseal/energy-ledger";
import {
  decodeEpochEvidence,
  EpochChain,
  type LctDocument,
  requireLogDocument,
  verifyLctDocument,
} from "@wattseal/lct-keys/verify";
import {
  type Checkpoint,
  leafHash,
  unverifiedCheckpoint,
  verifyConsistency,
  verifyInclusion,
} from "@wattseal/tlog";
import { VerifierError, type VerifierErrorCode } from "../errors.js";
import { cosignersOf, type Witnessed } from "../log/witness.js";
import type { Trust } from "../trust/trust.js";
import {
  decodeProofFile,
  type ProofFile,
  type ProvenEntry,
  type ProvenEpoch,
  requireWhole,
} from "./file.js";

interface ProvenFacts {
  /** What was proven to be in the log. */
  readonly entry: Entry;
  readonly index: number;
  /** Whose log. */
  readonly lct: LctId;
  readonly origin: string;
  /** Entries of the tree it is in. */
  readonly size: number;
  /** The epoch that wrote the entry (an entry 0 counts to the first), and what is known of its boot. */
  readonly epoch: number;
  readonly epochState: EpochState;
  /**
   * The next epoch known to have begun after the entry; undefined where `epoch` signed the head. Only epochs with
   * counters between the two could have begun before the entry unseen: none, where they follow each other.
   */
  readonly nextEpoch: number | undefined;
  /** The epoch whose key signed the head. */
  readonly signedUnder: { readonly epoch: number; readonly epochState: EpochState };
}

/** An accepted witness, and the head that it has cosigned. */
export interface ProofWitness extends Witnessed {
  /** Entries of that head's tree: that of the proof, or a larger one that continues it. */
  readonly size: number;
}

/** `self-consistent only`: all holds together, but nobody accepted vouches for it. */
export type ProofReport =
  | (ProvenFacts & { readonly verdict: "self-consistent only" })
  | (ProvenFacts & {
      readonly verdict: "verified";
      /** Name in the trust file. */
      readonly authority: string;
      /** Each of them once, as many as the quorum asks for at least. */
      readonly witnesses: readonly ProofWitness[];
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
  const found = verifyLctDocument(entry.body.sign1, "self-consistent");
  requireLogDocument(found);
  return found;
}

function wrongEpoch(index: number, problem: string): VerifierError {
  return new VerifierError("proof", `epoch.begin (entry ${index}): ${problem}`);
}

/** Names an epoch.begin in what its checks throw. */
function beginPart<T>({ begin }: ProvenEpoch, check: () => T): T {
  return part(`epoch.begin (entry ${begin.index})`, "proof", check);
}

/** Takes the log's next epoch: validly signed, its counter above the last. That its tree is this log's is shown later. */
function takeEpoch(chain: EpochChain, { begin }: ProvenEpoch): void {
  const entry = decodeEntry(begin.bytes);
  if (entry.type !== "epoch.begin") throw wrongType(entry.type, "epoch.begin");
  const { evidence } = entry.body;
  const { treeRoot } = decodeEpochEvidence(evidence).body;
  const at = { treeSize: begin.index, treeRoot, time: entry.timeMs };
  chain.begin(evidence, at);
}

/**
 * The file's epochs in their order. The first one has begun when the entry comes and has not expired, the second
 * one begins after it. That no other began between these two is not shown: their counters bound how many could.
 */
function followEpochs(file: ProofFile, document: LctDocument, entry: Entry): EpochChain {
  const chain = new EpochChain(document);
  let place = Math.max(file.entry.index, 1);
  for (const [i, epoch] of file.epochs.entries()) {
    beginPart(epoch, () => {
      const { index } = epoch.begin;
      if (i === 0 && index > place) throw wrongEpoch(index, `comes after entry ${place}`);
      if (i > 0 && index <= place) throw wrongEpoch(index, `comes no later than ${place}`);
      takeEpoch(chain, epoch);
      if (i === 0) chain.checkTime(entry.timeMs);
      else place = index;
    });
  }
  return chain;
}

/** The note is signed under the last epoch's key; every epoch is in its tree and continues what it says. */
function signedHead(file: ProofFile, chain: EpochChain): Checkpoint {
  const checkpoint = part("note", "checkpoint", () => chain.verifyCheckpoint(file.note));
  for (const [i, epoch] of file.epochs.entries()) {
    const { consistency: proof } = epoch;
    beginPart(epoch, () => {
      included(epoch.begin, checkpoint);
      const continued = chain.epochs[i];
      if (continued === undefined) throw wrongEpoch(epoch.begin.index, "has not begun");
      const { treeSize: size1, treeRoot: root1 } = continued;
      verifyConsistency({ size1, root1, size2: checkpoint.size, root2: checkpoint.root, proof });
    });
  }
  return checkpoint;
}

/**
 * The file's further heads: each is of a larger tree of this log than the one before, and continues the note's. Whose key
 * signed it for the log is not judged, since that epoch may be another: it is there for its witnesses, who have.
 */
function furtherSizes(file: ProofFile, head: Checkpoint): readonly number[] {
  let least = head.size;
  return file.heads.map(({ note, consistency: proof }, i) => {
    const name = `head ${i + 1}`;
    return part(name, "proof", () => {
      const { origin, size, root } = unverifiedCheckpoint(note);
      if (origin !== head.origin) {
        throw new VerifierError("proof", `${name}: is of the log ${origin}`);
      }
      if (size <= least) {
        throw new VerifierError("proof", `${name}: is of ${size} entries, not above ${least}`);
      }
      least = size;
      verifyConsistency({ size1: head.size, root1: head.root, size2: size, root2: root, proof });
      return size;
    });
  });
}

/**
 * Checks a proof file offline: identity, epoch, signed head, and the entry in its tree. With `trust`, the
 * identity's issuer has to be accepted, and a quorum of accepted witnesses have cosigned the note or a head that continues it. Throws DecodeError or VerifierError, naming
 * the part that does not hold; any changed bit is refused.
 *
 * It proves that the entry is in this log under this head, and between which two epochs' beginnings. It cannot show
 * what the log says later, such as a status that voids the identity.
 */
export function verifyProofFile(bytes: Uint8Array, trust?: Trust): ProofReport {
  const file = decodeProofFile(bytes);
  const { index } = file.entry;
  const entry = part(`entry ${index}`, "entry", () => decodeEntry(file.entry.bytes));
  const document = part("lct.document (entry 0)", "proof", () => documentOf(file));
  const chain = followEpochs(file, document, entry);
  const checkpoint = signedHead(file, chain);
  part("lct.document (entry 0)", "proof", () => included(file.document, checkpoint));
  part(`entry ${index} (${entry.type})`, "proof", () => included(file.entry, checkpoint));
  const sizes = furtherSizes(file, checkpoint);
  const facts = {
    entry,
    index,
    lct: document.lct,
    origin: document.origin,
    size: checkpoint.size,
    ...epochFacts(chain),
  };
  const vouched =
    trust === undefined ? undefined : vouchedBy(file, [checkpoint.size, ...sizes], document, trust);
  requireWhole(bytes);
  return vouched === undefined
    ? { ...facts, verdict: "self-consistent only" }
    : { ...facts, verdict: "verified", ...vouched };
}

function epochFacts({ epochs }: EpochChain) {
  const [own, next] = epochs;
  const signing = epochs.at(-1);
  if (own === undefined || signing === undefined) {
    throw new VerifierError("proof", "no epoch is given");
  }
  return {
    epoch: own.epoch,
    epochState: own.state,
    nextEpoch: next?.epoch,
    signedUnder: { epoch: signing.epoch, epochState: signing.state },
  };
}

function vouchedBy(
  { note, heads }: ProofFile,
  sizes: readonly number[],
  document: LctDocument,
  trust: Trust,
) {
  const { publicKey: issuer } = document.issuer;
  const authority = trust.authorities.find(({ publicKey }) => bytesEqual(publicKey, issuer));
  const witnesses = new Map<string, ProofWitness>();
  for (const [i, cosigned] of [note, ...heads.map((head) => head.note)].entries()) {
    const size = sizes[i] ?? 0;
    for (const said of cosignersOf(cosigned, document.origin, trust)) {
      if (!witnesses.has(said.witness)) witnesses.set(said.witness, { ...said, size });
    }
  }
  if (authority === undefined) {
    throw new VerifierError("trust", "lct.document: its issuer is no accepted authority");
  }
  if (witnesses.size < trust.quorum) throw new VerifierError("trust", tooFew(witnesses, trust));
  return { authority: authority.name, witnesses: [...witnesses.values()] };
}

function tooFew(witnesses: ReadonlyMap<string, unknown>, { quorum }: Trust): string {
  if (witnesses.size === 0) return "note: no accepted witness has cosigned it";
  const names = [...witnesses.keys()].join(", ");
  return `note: of the accepted witnesses only ${names} cosigned it or a later head, and the quorum is ${quorum}`;
}
