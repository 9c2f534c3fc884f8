import { decodeEntry } from "@wattseal/energy-ledger";
import { unverifiedCheckpoint } from "@wattseal/tlog";
import { VerifierError } from "../errors.js";
import type { ProofFile, ProvenEntry } from "./file.js";

/** A log to take proofs from. */
export interface ProvableLog {
  /** The lowest entry that is there with all that follow; 0 where the log was not pruned. */
  readonly firstEntry: number;
  /** Entries below that are there for proofs alone, ascending. */
  readonly keptEntries: readonly number[];
  /** Every epoch.begin's index, ascending, where the log knows them: else they are looked for. */
  readonly epochBegins?: readonly number[];
  entry(index: number): Uint8Array;
  /** In the tree of the first `size` entries. */
  inclusionProof(index: number, size: number): readonly Uint8Array[];
  consistencyProof(size1: number, size2: number): readonly Uint8Array[];
}

function beginsEpoch(log: ProvableLog, index: number): boolean {
  if (log.epochBegins !== undefined) return log.epochBegins.includes(index);
  return decodeEntry(log.entry(index)).type === "epoch.begin";
}

/** Index of the last epoch.begin from `from` down to entry 1, where a log's first epoch begins. */
function lastBegin(log: ProvableLog, from: number): number {
  const known = log.epochBegins?.findLast((begin) => begin <= from);
  if (known !== undefined) return known;
  for (let index = from; index > 0 && index >= log.firstEntry; index -= 1) {
    if (beginsEpoch(log, index)) return index;
  }
  for (const index of log.keptEntries.toReversed()) {
    if (index > 0 && index <= from && beginsEpoch(log, index)) return index;
  }
  throw new VerifierError("proof", `no epoch begins in the first ${from + 1} entries`);
}

/** Where the entry's own epoch begins, the next one after it, and the one that signs: each once, ascending. */
function epochBegins(log: ProvableLog, index: number, size: number): readonly number[] {
  const place = Math.max(index, 1);
  const signing = lastBegin(log, size - 1);
  if (signing <= place) return [signing];
  let next = log.epochBegins?.find((begin) => begin > place) ?? place + 1;
  while (next < signing && !beginsEpoch(log, next)) next += 1;
  const own = lastBegin(log, place);
  return next === signing ? [own, signing] : [own, next, signing];
}

/**
 * Everything that proves entry `index` to whoever trusts the note: a receipt, or the log's own checkpoint, over
 * more than `index` entries. `further` are receipts of other witnesses over ever more entries, as `notesOver` gives them.
 * Throws VerifierError `proof` when the note covers fewer.
 */
export function collectProof(
  log: ProvableLog,
  index: number,
  note: string,
  further: readonly string[] = [],
): ProofFile {
  const { size } = unverifiedCheckpoint(note);
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) {
    throw new VerifierError(
      "proof",
      `entry ${index} is not among the ${size} that the note covers`,
    );
  }
  const proven = (at: number): ProvenEntry => ({
    bytes: log.entry(at),
    index: at,
    inclusion: log.inclusionProof(at, size),
  });
  return {
    entry: proven(index),
    note,
    epochs: epochBegins(log, index, size).map((begin) => ({
      begin: proven(begin),
      consistency: log.consistencyProof(begin, size),
    })),
    document: proven(0),
    heads: further.map((head) => ({
      note: head,
      consistency: log.consistencyProof(size, unverifiedCheckpoint(head).size),
    })),
  };
}
