import { messageOf } from "@wattseal/base";
import { keyId, parseNote, verifyCosignature } from "@wattseal/tlog";
import { VerifierError } from "../errors.js";
import type { Trust, TrustedWitness } from "../trust/trust.js";

/** An accepted witness's word on a note. */
export interface Witnessed {
  readonly witness: string;
  /** When it said so, UTC seconds. */
  readonly time: number;
}

/**
 * The accepted witnesses that cosigned `note`; the log's own signature is checked elsewhere. Throws VerifierError
 * `receipt` when one that is accepted has signed wrongly.
 */
export function cosignersOf(note: string, origin: string, trust: Trust): readonly Witnessed[] {
  const { signatures } = parseNote(note);
  const hasSigned = (witness: TrustedWitness) => {
    const id = keyId({ ...witness, type: "cosignature" });
    return signatures.some((line) => line.name === witness.name && line.keyId === id);
  };
  return trust.witnesses.filter(hasSigned).map((witness) => {
    try {
      const { time } = verifyCosignature(note, { ...witness, origin });
      return { witness: witness.name, time };
    } catch (cause) {
      throw new VerifierError("receipt", messageOf(cause), { cause });
    }
  });
}
