import { messageOf } from "@wattseal/base";
import { witnessLines } from "@wattseal/tlog";
import { VerifierError } from "../errors.js";
import type { Trust } from "../trust/trust.js";

/** An accepted witness's word on a note. */
export interface Witnessed {
  readonly witness: string;
  /** When it said so, UTC seconds; under several keys, first. */
  readonly time: number;
}

/**
 * The accepted witnesses that cosigned `note`, each once; the log's own signature is checked elsewhere. Throws
 * VerifierError `receipt` when one that is accepted has signed wrongly.
 */
export function cosignersOf(note: string, origin: string, trust: Trust): readonly Witnessed[] {
  return trust.witnesses.flatMap((witness) => {
    const times = linesOf(note, witness, origin).map(({ time }) => time);
    return times.length === 0 ? [] : [{ witness: witness.name, time: Math.min(...times) }];
  });
}

function linesOf(note: string, witness: Trust["witnesses"][number], origin: string) {
  try {
    return witnessLines(note, witness, origin);
  } catch (cause) {
    throw new VerifierError("receipt", messageOf(cause), { cause });
  }
}
