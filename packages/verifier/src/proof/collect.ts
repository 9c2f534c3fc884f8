import { decodeEntry } from "@wattseal/energy-ledger";
import { unverifiedCheckpoint } from "@wattseal/tlog";
import { VerifierError } from "../errors.js";
import type { ProofFile, ProvenEntry } from "./file.js";

/** A log to take proofs from. */
export interface ProvableLog {
  entry(index: number): Uint8Array;
  /** In the tree of the first `size` entries. */
  inclusionProof(index: number, size: number): readonly Uint8Array[];
  consistencyProof(size1: number, size2: number): readonly Uint8Array[];
}

function lastEpochBegin(log: ProvableLog, size: number): number {
  for (let index = size - 1; index > 0; index -= 1) {
    if (decodeEntry(log.entry(index)).type === "epoch.begin") return index;
  }
  throw new VerifierError("proof", `no epoch begins in the first ${size} entries`);
}

/**
 * Everything that proves entry `index` to whoever trusts the note: a receipt, or the log's own checkpoint, over
 * more than `index` entries. Throws VerifierError `proof` when it covers fewer.
 */
export function collectProof(log: ProvableLog, index: number, note: string): ProofFile {
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
  const epoch = lastEpochBegin(log, size);
  return {
    entry: proven(index),
    note,
    epoch: proven(epoch),
    consistency: log.consistencyProof(epoch, size),
    document: proven(0),
  };
}
