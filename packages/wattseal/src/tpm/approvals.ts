/** Boot approvals in a gateway's folder: `*.boot`, each of one boot. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { bytesEqual, messageOf } from "@wattseal/base";
import { MOST_VERSION_STEPS } from "@wattseal/lct-keys";
import {
  type BootApproval,
  decodeBootApproval,
  type LctDocument,
  verifyBootApproval,
} from "@wattseal/lct-keys/verify";

export type ApprovalFile = { readonly file: string } & (
  | { readonly approval: BootApproval; readonly problem?: undefined }
  | { readonly approval?: undefined; readonly problem: string }
);

/** Every file there, by name. One that is none, or not for this LCT, is named with what is wrong. No folder: none. */
export async function readApprovals(
  folder: string,
  document: LctDocument,
): Promise<readonly ApprovalFile[]> {
  const names = await readdir(folder).catch((): string[] => []);
  const files = names.filter((name) => name.endsWith(".boot")).sort();
  return Promise.all(files.map((name) => readApproval(join(folder, name), document)));
}

async function readApproval(file: string, document: LctDocument): Promise<ApprovalFile> {
  try {
    const approval = decodeBootApproval(await readFile(file));
    verifyBootApproval(document, approval);
    return { file, approval };
  } catch (error) {
    return { file, problem: messageOf(error) };
  }
}

/** `fit`: whether it is good for the present boot, or why not. */
export type Fit = ApprovalFile & { readonly fit: string };

/** `present`: digest of the PCRs now. `confirmed`: version of the last boot that was; undefined where a TPM says neither. */
export function fitOf(
  of: ApprovalFile,
  present: Uint8Array | undefined,
  confirmed: number | undefined,
): Fit {
  const { approval, problem } = of;
  if (approval === undefined) return { ...of, fit: `refused: ${problem}` };
  if (present === undefined) return { ...of, fit: "not compared" };
  const ahead = approval.version - (confirmed ?? approval.version);
  if (ahead < 0) return { ...of, fit: `is older than ${confirmed}, in force` };
  if (ahead > MOST_VERSION_STEPS) {
    return { ...of, fit: `is more than ${MOST_VERSION_STEPS} above ${confirmed}, in force` };
  }
  const same = bytesEqual(approval.pcrDigest, present);
  return { ...of, fit: same ? "fits" : "is for another boot" };
}
