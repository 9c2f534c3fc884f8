/** Conditions of a policy session, in the order the policy's digest was made in (Part 3 §23). */
import type { Ref } from "../session/exchange.js";
import type { Session } from "../session/session.js";
import { MOST_DIGEST } from "../structures/algorithms.js";
import { MOST_NAME } from "../structures/attest.js";
import { handleName } from "../structures/name.js";
import { type PcrSelection, pcrSelections } from "../structures/pcr.js";
import { type Ticket, ticket } from "../structures/ticket.js";
import type { Tpm, Use } from "../tpm.js";
import { buffer } from "../wire/codec.js";
import { CC, EO } from "../wire/constants.js";
import type { Writer } from "../wire/writer.js";

const digest = buffer(MOST_DIGEST);
const name = buffer(MOST_NAME);
const operand = buffer(MOST_DIGEST);
const timeout = buffer(8);
const NOTHING = new Uint8Array(0);

const refOf = (session: Session): Ref => ({
  handle: session.handle,
  name: handleName(session.handle),
});

async function condition(
  tpm: Tpm,
  code: number,
  session: Session,
  parametersOf?: (w: Writer) => void,
): Promise<void> {
  const { parameters } = await tpm.run({ code, refs: [refOf(session)], parameters: parametersOf });
  parameters.end();
}

/** TPM2_PolicyPCR: the PCRs have the values whose digest this is, or (none given) those of now. */
export function policyPcr(
  tpm: Tpm,
  session: Session,
  selection: readonly PcrSelection[],
  pcrDigest: Uint8Array = NOTHING,
): Promise<void> {
  return condition(tpm, CC.policyPcr, session, (w) => {
    digest.write(w, pcrDigest);
    pcrSelections.write(w, selection);
  });
}

/** TPM2_PolicyCommandCode: the session authorises this command alone. */
export function policyCommandCode(tpm: Tpm, session: Session, code: number): Promise<void> {
  return condition(tpm, CC.policyCommandCode, session, (w) => w.u32(code));
}

/** TPM2_PolicyAuthValue: the object's authorisation value is needed as well. */
export async function policyAuthValue(tpm: Tpm, session: Session): Promise<void> {
  await condition(tpm, CC.policyAuthValue, session);
  session.needsAuthValue = true;
}

/** TPM2_PolicySecret: whoever uses the session knows `authority`'s authorisation value. */
export async function policySecret(tpm: Tpm, session: Session, authority: Use): Promise<void> {
  const { parameters } = await tpm.run({
    code: CC.policySecret,
    uses: [authority],
    refs: [refOf(session)],
    parameters: (w) => {
      digest.write(w, NOTHING);
      digest.write(w, NOTHING);
      digest.write(w, NOTHING);
      w.u32(0);
    },
  });
  timeout.read(parameters);
  ticket.read(parameters);
  parameters.end();
}

/** TPM2_PolicyNV: the index's content compares with `value` as `operation` says. */
export async function policyNv(
  tpm: Tpm,
  session: Session,
  authority: Use,
  index: Ref,
  comparison: {
    readonly operation: keyof typeof EO;
    readonly value: Uint8Array;
    readonly offset?: number;
  },
): Promise<void> {
  const { parameters } = await tpm.run({
    code: CC.policyNv,
    uses: [authority],
    refs: [index, refOf(session)],
    parameters: (w) => {
      operand.write(w, comparison.value);
      w.u16(comparison.offset ?? 0);
      w.u16(EO[comparison.operation]);
    },
  });
  parameters.end();
}

/**
 * TPM2_PolicyAuthorize: the policy so far was approved by a key (its Name), as `verified` attests; the session's digest
 * then depends on that key and `reference` alone.
 */
export function policyAuthorize(
  tpm: Tpm,
  session: Session,
  approval: {
    readonly policy: Uint8Array;
    readonly reference: Uint8Array;
    readonly keyName: Uint8Array;
    readonly verified: Ticket;
  },
): Promise<void> {
  return condition(tpm, CC.policyAuthorize, session, (w) => {
    digest.write(w, approval.policy);
    digest.write(w, approval.reference);
    name.write(w, approval.keyName);
    ticket.write(w, approval.verified);
  });
}

/** TPM2_PolicyRestart: the session begins again. */
export async function policyRestart(tpm: Tpm, session: Session): Promise<void> {
  await condition(tpm, CC.policyRestart, session);
  session.needsAuthValue = false;
}

/** TPM2_PolicyGetDigest: what the session has proven so far. */
export async function policyGetDigest(tpm: Tpm, session: Session): Promise<Uint8Array> {
  const { parameters } = await tpm.run({ code: CC.policyGetDigest, refs: [refOf(session)] });
  const found = digest.read(parameters);
  parameters.end();
  return found;
}
