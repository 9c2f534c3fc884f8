/** Policies as a whole: what a session has to prove, and what may be done then. */
import type { Session } from "../session/session.js";
import { startPolicy, startTrial } from "../session/start.js";
import type { Tpm } from "../tpm.js";
import { isRefusal } from "../wire/errors.js";
import { flush } from "./objects.js";
import { policyGetDigest, policyRestart } from "./policy.js";

/** Firmware and kernel may extend PCRs while a session is being satisfied; what does not hold still so often fails. */
const TRIES = 4;

/**
 * What needs a policy: `satisfy` meets its conditions in a session of its own, `use` then uses the object under it. Both
 * run again where a PCR changed in between (TPM_RC_PCR_CHANGED); a PCR that now has another value is refused for good, as
 * `policy-fail` or `value`. The session is gone afterwards.
 */
export async function underPolicy<T>(
  tpm: Tpm,
  satisfy: (session: Session) => Promise<void>,
  use: (policy: Session) => Promise<T>,
): Promise<T> {
  const session = await startPolicy(tpm);
  try {
    for (let tried = 1; ; tried += 1) {
      try {
        await satisfy(session);
        return await use(session);
      } catch (thrown) {
        if (tried === TRIES || !isRefusal(thrown, "pcr-changed")) throw thrown;
        await policyRestart(tpm, session);
      }
    }
  } finally {
    // What is left is flushed with the transaction: here it must not hide why the work failed.
    await flush(tpm, session.handle).catch(() => {});
  }
}

/**
 * The digest of a policy with these conditions, to make objects with. Meets them in a trial session, which needs no
 * authorisation to be right; in a protected transaction the digest is authenticated as any response.
 */
export async function policyDigest(
  tpm: Tpm,
  satisfy: (session: Session) => Promise<void>,
): Promise<Uint8Array> {
  const trial = await startTrial(tpm);
  await satisfy(trial);
  const digest = await policyGetDigest(tpm, trial);
  await flush(tpm, trial.handle);
  return digest;
}
