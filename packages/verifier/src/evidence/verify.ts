import { messageOf, type Slot } from "@wattseal/base";
import {
  type Counters,
  type Derivation,
  decodeEntry,
  type EnergyInterval,
  type Entry,
  type RetainedReading,
  rederive,
  type Standing,
  usedBy,
  windowOf,
} from "@wattseal/energy-ledger";
import { type Checkpoint, leafHash, unverifiedCheckpoint, verifyInclusion } from "@wattseal/tlog";
import { VerifierError } from "../errors.js";
import { decodeProofFile, type ProvenEntry } from "../proof/file.js";
import { type ProofReport, verifyProofFile } from "../proof/verify.js";
import type { Trust } from "../trust/trust.js";
import {
  decodeEvidenceFile,
  type EvidenceFile,
  type EvidencePdu,
  type EvidenceSession,
  requireWholeEvidence,
} from "./file.js";
import { requireDigested } from "./interval.js";

/** The gateway's time and the module's ticks may move apart by this much within an interval, ms: a step is no longer. */
const MOST_SPREAD = 5_000;

export interface EvidenceReport extends Derivation {
  /** Every field follows from the readings, and times keep to the module's ticks. */
  readonly derived: boolean;
  /** Of the entry. */
  readonly proof: ProofReport;
  readonly interval: EnergyInterval;
  /** With each reading's PDU, for who checks the seals: sealed by the module in this slot. */
  readonly slot: Slot;
  readonly sessions: readonly EvidenceSession[];
  /** What the interval starts from, where that is a reading before it, then its readings. */
  readonly pdus: readonly EvidencePdu[];
}

/**
 * Checks an evidence file offline: the proof of its entry, as `verifyProofFile` does, then every field of the entry
 * against the readings. Returns what differs; throws DecodeError or VerifierError, naming the part, for what is
 * not even evidence of that entry. Any changed bit is one or the other. Seals are left to who has the cipher.
 */
export function verifyEvidenceFile(bytes: Uint8Array, trust?: Trust): EvidenceReport {
  const file = decodeEvidenceFile(bytes);
  const proof = verifyProofFile(file.proof, trust);
  const head = unverifiedCheckpoint(decodeProofFile(file.proof).note); // verified with the proof
  const interval = requireDigested(proof.index, proof.entry);
  const { slot, standing } = standingOf(file, proof.index, interval, head);
  const derivation = part("readings", () => derive(file, interval, standing));
  const differs = derivation.fields.some(({ finding }) => finding !== "ok");
  const derived = !differs && (derivation.tickSpread ?? 0) <= MOST_SPREAD;
  if (!differs) requireWholeEvidence(bytes);
  const { sessions, from, readings } = file;
  const pdus = from === undefined ? readings : [from, ...readings];
  return { ...derivation, derived, proof, interval, slot, sessions, pdus };
}

/** Gives what a check throws the part's name. */
function part<T>(name: string, check: () => T): T {
  try {
    return check();
  } catch (cause) {
    if (cause instanceof VerifierError) throw cause;
    throw new VerifierError("proof", `${name}: ${messageOf(cause)}`, { cause });
  }
}

function derive(file: EvidenceFile, interval: EnergyInterval, standing: Standing): Derivation {
  const { sessions, from, carried } = file;
  const retained = ({ session, ...reading }: EvidencePdu): RetainedReading => {
    const { handshakeHash } = sessions[session] ?? {};
    if (handshakeHash === undefined) throw new VerifierError("file", `no session ${session}`);
    return { ...reading, session: handshakeHash };
  };
  const readings = file.readings.map(retained);
  return rederive(interval, { from: from && retained(from), carried, readings }, standing);
}

/** What the log says before the interval, as far as the entries given show it. */
function standingOf(
  file: EvidenceFile,
  index: number,
  interval: EnergyInterval,
  head: Checkpoint,
): { readonly slot: Slot; readonly standing: Standing } {
  const paired = included(file.paired, "link.paired", head);
  if (paired.type !== "link.paired" || paired.body.module !== interval.module) {
    throw new VerifierError("proof", `link.paired: entry ${file.paired.index} is no such entry`);
  }
  if (file.paired.index >= index) {
    throw new VerifierError("proof", `link.paired: comes after entry ${index}`);
  }
  const { capacity, slot } = paired.body;
  const { intervals, assumed } = recordBefore(file.before, index, interval, head);
  return { slot, standing: { capacity, used: usedBy(intervals, capacity), assumed } };
}

function included({ bytes, index, inclusion }: ProvenEntry, name: string, head: Checkpoint): Entry {
  return part(`${name} (entry ${index})`, () => {
    const { size, root } = head;
    verifyInclusion({ index, size, leafHash: leafHash(bytes), proof: inclusion, root });
    return decodeEntry(bytes);
  });
}

interface Record {
  readonly t0: number;
  readonly start: Counters | undefined;
}

/** The module's entries before, which tile: none between them was left out. */
function recordBefore(
  before: readonly ProvenEntry[],
  index: number,
  interval: EnergyInterval,
  head: Checkpoint,
) {
  const intervals: EnergyInterval[] = [];
  let next: Record = interval;
  let place = index;
  let first = interval.t1;
  for (const proven of before.toReversed()) {
    const name = `entry before (entry ${proven.index})`;
    const { type, body } = included(proven, "entry before", head);
    const metered = type === "energy.interval" || type === "energy.gap" || type === "energy.reset";
    if (!metered || body.module !== interval.module || proven.index >= place) {
      throw new VerifierError("proof", `${name}: is not of the module's record before`);
    }
    if (body.t1 !== next.t0 || !sameCounters(body.end, next.start)) {
      throw new VerifierError("proof", `${name}: what comes after it does not start at its end`);
    }
    if (type === "energy.interval") intervals.unshift(body);
    next = body;
    place = proven.index;
    first = body.t1;
  }
  const whole = before.length > 0 && windowOf(first) < windowOf(interval.t1);
  const assumed = whole
    ? undefined
    : `as the module's first record in this log starts at entry ${place}; an audit of the log shows that`;
  return { intervals, assumed };
}

function sameCounters(a: Counters | undefined, b: Counters | undefined): boolean {
  return a?.in === b?.in && a?.out === b?.out && a?.boot === b?.boot;
}
