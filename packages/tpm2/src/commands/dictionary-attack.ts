/** Protection against guessing of authorisation values (Part 3 §25). */
import type { Tpm, Use } from "../tpm.js";
import { CC } from "../wire/constants.js";

export interface DictionaryAttackParameters {
  /** Failures until the TPM locks itself. */
  readonly maxTries: number;
  /** s after which one failure is forgiven; 0: failures do not count. */
  readonly recoveryTime: number;
  /** s after a wrong lockout authorisation until the next try; 0: until the next reset. */
  readonly lockoutRecovery: number;
}

export async function setDictionaryAttackParameters(
  tpm: Tpm,
  lockout: Use,
  { maxTries, recoveryTime, lockoutRecovery }: DictionaryAttackParameters,
): Promise<void> {
  const { parameters } = await tpm.run({
    code: CC.dictionaryAttackParameters,
    uses: [lockout],
    parameters: (w) => {
      w.u32(maxTries);
      w.u32(recoveryTime);
      w.u32(lockoutRecovery);
    },
  });
  parameters.end();
}

/** TPM2_DictionaryAttackLockReset. */
export async function resetLockout(tpm: Tpm, lockout: Use): Promise<void> {
  const { parameters } = await tpm.run({ code: CC.dictionaryAttackLockReset, uses: [lockout] });
  parameters.end();
}
