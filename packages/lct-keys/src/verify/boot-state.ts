/** Whether anybody vouches for the boot that an epoch runs under. */
import { approvesBoot } from "./boot-approval.js";
import type { LctDocument } from "./document.js";
import { LctKeysError } from "./errors.js";
import type { Binding } from "./genesis.js";
import {
  type StatementSubject,
  type TpmClaims,
  type TpmEvidence,
  verifyStatements,
} from "./tpm-statement.js";

/**
 * `attested`: a TPM's, in a boot that is approved. `unattested`: in one that is not. `unmeasured`: a TPM vouches for key
 * and counter, nobody for the boot. `software`: whatever it shows, since nothing pretends to be hardware.
 */
export type EpochState = "attested" | "unmeasured" | "unattested" | "software";

export interface BootJudgement {
  readonly state: EpochState;
  /** Version of the approval that the boot stands under; 0 without one that holds. */
  readonly bootVersion: number;
}

export interface BootContext {
  readonly document: Pick<LctDocument, "lct" | "anchor" | "binding" | "attestation">;
  /** The highest version that this log's epochs stood under before; going back from it attests nothing. */
  readonly previousBootVersion: number;
  readonly subject: StatementSubject;
}

/** Without a TPM in the document there is nothing to check statements by: a software anchor shows none. */
function withoutTpm({ document, subject }: BootContext, evidence: TpmEvidence): BootJudgement {
  if (document.binding !== "software") return { state: "unattested", bootVersion: 0 };
  const { quote, nvCertify, approval } = evidence;
  if (quote === undefined && nvCertify === undefined && approval === undefined) {
    return { state: "software", bootVersion: 0 };
  }
  throw new LctKeysError(
    subject.code,
    `there are TPM statements for ${subject.subject}, but ${document.lct} has a software anchor`,
  );
}

function withTpm(
  { document, previousBootVersion }: BootContext,
  { approval }: TpmEvidence,
  { pcrDigest }: TpmClaims,
): BootJudgement {
  const holds = approval !== undefined && approvesBoot(document, approval, pcrDigest);
  const bootVersion = holds ? approval.version : 0;
  return {
    state: stateOf(document.binding, holds && bootVersion >= previousBootVersion),
    bootVersion,
  };
}

function stateOf(binding: Binding, approved: boolean): EpochState {
  if (binding === "software") return "software";
  if (binding === "tpm-unmeasured") return "unmeasured";
  return approved ? "attested" : "unattested";
}

/** `signedBytes`: what the statements have to be made for. Throws LctKeysError with the subject's code where they do not hold. */
export function judgeBoot(
  context: BootContext,
  evidence: TpmEvidence,
  signedBytes: Uint8Array,
): BootJudgement & { readonly claims: TpmClaims | undefined } {
  const { attestation } = context.document;
  if (attestation === undefined) return { ...withoutTpm(context, evidence), claims: undefined };
  const claims = verifyStatements(attestation, evidence, signedBytes, context.subject);
  return { ...withTpm(context, evidence, claims), claims };
}
