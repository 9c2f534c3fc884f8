/** Authorisation values of the hierarchies and of the lockout (Part 3 §24.8). */
import { type AuthValue, authBytes } from "../session/auth-value.js";
import { MOST_DIGEST } from "../structures/algorithms.js";
import type { Tpm, Use } from "../tpm.js";
import { buffer } from "../wire/codec.js";
import { CC } from "../wire/constants.js";

const auth = buffer(MOST_DIGEST);

/**
 * TPM2_HierarchyChangeAuth. `hierarchy` is authorised by the value that it has. Whoever loses the new one gets no further
 * without TPM2_Clear, which takes every key of the owner along.
 */
export async function hierarchyChangeAuth(
  tpm: Tpm,
  hierarchy: Use,
  value: AuthValue,
): Promise<void> {
  const { parameters } = await tpm.run({
    code: CC.hierarchyChangeAuth,
    uses: [hierarchy],
    parameters: (w) => auth.write(w, authBytes(value)),
    secret: { command: true },
    newAuth: value,
  });
  parameters.end();
}
