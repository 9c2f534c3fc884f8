import { type Millis, type ModuleUid, toHex } from "@wattseal/base";
import {
  type Carried,
  decodeEntry,
  type EnergyInterval,
  type Entry,
  type RetainedReading,
  windowOf,
} from "@wattseal/energy-ledger";
import { unverifiedCheckpoint } from "@wattseal/tlog";
import { VerifierError } from "../errors.js";
import { collectProof, type ProvableLog } from "../proof/collect.js";
import { encodeProofFile, type ProvenEntry } from "../proof/file.js";
import type { EvidenceFile, EvidencePdu, EvidenceSession } from "./file.js";
import { requireDigested } from "./interval.js";

type KeptPdu = RetainedReading & Pick<EvidencePdu, "length" | "tag">;

/** What a gateway has kept of one interval, whole. */
export interface KeptEvidence {
  readonly from: KeptPdu | undefined;
  readonly carried: Carried;
  readonly readings: readonly KeptPdu[];
  /** Released keys by handshake hash, in hexadecimal. */
  readonly keys: ReadonlyMap<string, Uint8Array>;
}

/**
 * Everything with which whoever trusts the note, or `further` ones as for `collectProof`, derives interval `index` again. Throws VerifierError `proof` for an
 * entry that the note does not cover, or that is no interval with a digest.
 */
export function collectEvidence(
  log: ProvableLog,
  index: number,
  note: string,
  kept: KeptEvidence,
  further: readonly string[] = [],
): EvidenceFile {
  const proof = encodeProofFile(collectProof(log, index, note, further));
  const interval = requireDigested(index, decodeEntry(log.entry(index)));
  const { size } = unverifiedCheckpoint(note);
  const proven = (at: number): ProvenEntry => ({
    bytes: log.entry(at),
    index: at,
    inclusion: log.inclusionProof(at, size),
  });
  const { paired, before } = recordBefore(log, index, interval);
  const sessions = new Sessions(kept.keys);
  return {
    proof,
    paired: proven(paired),
    before: before.map(proven),
    carried: kept.carried,
    from: kept.from && sessions.pdu(kept.from),
    readings: kept.readings.map((reading) => sessions.pdu(reading)),
    sessions: sessions.list,
  };
}

/** Numbers sessions in the order of their first reading. */
class Sessions {
  readonly list: EvidenceSession[] = [];
  readonly #keys: ReadonlyMap<string, Uint8Array>;
  readonly #numbers = new Map<string, number>();

  constructor(keys: ReadonlyMap<string, Uint8Array>) {
    this.#keys = keys;
  }

  pdu({ session, time, counter, length, tag, body }: KeptPdu): EvidencePdu {
    return { session: this.#number(session), time, counter, length, tag, body };
  }

  #number(handshakeHash: Uint8Array): number {
    const id = toHex(handshakeHash);
    const known = this.#numbers.get(id);
    if (known !== undefined) return known;
    this.#numbers.set(id, this.list.length);
    return this.list.push({ handshakeHash, key: this.#keys.get(id) }) - 1;
  }
}

/** The module's pairing in force, and its record back to where an earlier minute ends it; indexes, oldest first. */
function recordBefore(log: ProvableLog, index: number, { module, t1 }: EnergyInterval) {
  const before: number[] = [];
  let reached = false;
  for (let at = index - 1; at >= 0; at -= 1) {
    const entry = decodeEntry(log.entry(at));
    if (entry.type === "link.paired" && entry.body.module === module) {
      return { paired: at, before: before.reverse() };
    }
    const end: Millis | undefined = reached ? undefined : recordEnd(entry, module);
    if (end === undefined) continue;
    before.push(at);
    reached = windowOf(end) < windowOf(t1);
  }
  throw new VerifierError("proof", `no link.paired of module ${module} is before entry ${index}`);
}

/** Where a metering entry of the module ends its record. */
function recordEnd({ type, body }: Entry, module: ModuleUid): Millis | undefined {
  if (type !== "energy.interval" && type !== "energy.gap" && type !== "energy.reset") return;
  return body.module === module ? body.t1 : undefined;
}
