/**
 * The folder of boot approvals.
 *
 * Trust: whoever writes it can withhold approvals, and so keep a boot from opening the halves. What counts is the update
 * key's signature, which he does not have.
 */
import { constants } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { DecodeError, type Logger, messageOf } from "@wattseal/base";
import { errorCode } from "../keys/private-file.js";
import { type BootApproval, decodeBootApproval } from "../verify/boot-approval.js";

const SUFFIX = ".boot";
const MOST_BYTES = 1_024;

async function readApproval(path: string): Promise<BootApproval> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = await file.stat();
    if (!stat.isFile() || stat.size > MOST_BYTES) {
      throw new DecodeError("boot approval", 0, `is no file of at most ${MOST_BYTES} bytes`);
    }
    return decodeBootApproval(await file.readFile());
  } finally {
    await file.close();
  }
}

/**
 * The approvals in `*.boot` files of this folder, none where there is no folder. What is no approval is passed over and
 * told to the log: one bad file must not keep a machine from starting.
 */
export async function bootApprovalsIn(
  directory: string,
  log: Logger,
): Promise<readonly BootApproval[]> {
  const names = await readdir(directory).catch((thrown: unknown) => {
    if (errorCode(thrown) === "ENOENT") return [];
    throw thrown;
  });
  const approvals: BootApproval[] = [];
  for (const file of names.filter((name) => name.endsWith(SUFFIX)).sort()) {
    try {
      approvals.push(await readApproval(join(directory, file)));
    } catch (thrown) {
      log.warn("boot.approval.unreadable", { file, problem: messageOf(thrown) });
    }
  }
  return approvals;
}
