/** The boot that the machine is in, and whether anybody approved it. */
import { bytesEqual } from "@wattseal/base";
import { type PcrValues, pcrRead, type Tpm } from "@wattseal/tpm2";
import { ALG, pcrDigest as digestOf } from "@wattseal/tpm2/verify";
import { type BootApproval, type BootPolicy, verifyBootApproval } from "../verify/boot-approval.js";
import type { LctDocument } from "../verify/document.js";
import { LctKeysError } from "../verify/errors.js";
import { type TpmAccess, transact } from "./access.js";

export interface PresentBoot {
  /** Of the SHA-256 bank, by number. */
  readonly values: PcrValues;
  /** What an approval of this boot names. */
  readonly pcrDigest: Uint8Array;
}

/** `version`: what the version counter holds. */
export interface BootNow {
  readonly pcrDigest: Uint8Array;
  readonly version: number;
}

/** Why no approval holds for a boot. */
export type BootRefusal =
  | "approval-missing"
  | "pcrs-not-approved"
  | "approval-signature"
  | "rolled-back"
  | "version-too-far";

export type BootVerdict =
  | { readonly approval: BootApproval; readonly policy: BootPolicy }
  | { readonly refused: BootRefusal };

/** An approval takes the version counter so many steps further, at most: each wears the TPM's memory. */
export const MOST_VERSION_STEPS = 100;

export async function readBoot(tpm: Tpm, pcrs: readonly number[]): Promise<PresentBoot> {
  const values = await pcrRead(tpm, { hash: ALG.sha256, pcrs });
  return { values, pcrDigest: digestOf(values.values()) };
}

/** For whoever decides what to approve. Over an open bus: what counts is what a quote says. */
export function presentBoot(access: TpmAccess, pcrs: readonly number[]): Promise<PresentBoot> {
  return transact(access, undefined, (tpm) => readBoot(tpm, pcrs));
}

function policyOf(document: LctDocument, approval: BootApproval): BootPolicy | undefined {
  try {
    return verifyBootApproval(document, approval);
  } catch (thrown) {
    if (thrown instanceof LctKeysError) return undefined;
    throw thrown;
  }
}

/** The approval with the highest version that holds now, or the first reason on the way to one. */
export function judgePresentBoot(
  document: LctDocument,
  approvals: readonly BootApproval[],
  now: BootNow,
): BootVerdict {
  const base = document.attestation?.boot?.base ?? 0;
  const own = approvals.filter(({ lct }) => lct === document.lct);
  if (own.length === 0) return { refused: "approval-missing" };
  const fitting = own.filter(({ pcrDigest }) => bytesEqual(pcrDigest, now.pcrDigest));
  if (fitting.length === 0) return { refused: "pcrs-not-approved" };
  const signed = fitting.flatMap((approval) => {
    const policy = policyOf(document, approval);
    return policy === undefined ? [] : [{ approval, policy }];
  });
  if (signed.length === 0) return { refused: "approval-signature" };
  const stepsOf = ({ approval }: (typeof signed)[number]) => base + approval.version - now.version;
  const newer = signed.filter((each) => stepsOf(each) >= 0);
  if (newer.length === 0) return { refused: "rolled-back" };
  const [best] = newer
    .filter((each) => stepsOf(each) <= MOST_VERSION_STEPS)
    .sort((a, b) => b.approval.version - a.approval.version);
  return best ?? { refused: "version-too-far" };
}
