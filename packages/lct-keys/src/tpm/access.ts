/** How this package reaches a TPM. */
import type { Entropy } from "@wattseal/base";
import { handleName, type SaltKey, Tpm, type Transport, type Use } from "@wattseal/tpm2";

export interface TpmAccess {
  readonly transport: Transport;
  readonly entropy: Entropy;
  /** Resolves after so many ms: between tries of a command that the TPM asks to repeat. */
  readonly pause: (ms: number) => Promise<void>;
}

/** One transaction; every session in it is salted for `saltKey`. */
export function transact<T>(
  { transport, entropy, pause }: TpmAccess,
  saltKey: SaltKey | undefined,
  work: (tpm: Tpm) => Promise<T>,
): Promise<T> {
  return Tpm.transact(transport, { entropy, pause, saltKey }, work);
}

/** A hierarchy: its handle is its Name. */
export const permanent = (handle: number, auth?: Use["auth"]): Use => ({
  handle,
  name: handleName(handle),
  auth,
});
