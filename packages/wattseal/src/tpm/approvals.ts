/** Boot approvals in a gateway's folder: `*.boot`, each of one boot. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "@wattseal/base";
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
