import { resolve } from "node:path";
import { messageOf } from "@wattseal/base";
import { unverifiedCheckpoint } from "@wattseal/tlog";
import { collectProof, encodeProofFile, verifyProofFile } from "@wattseal/verifier";
import { openLog, receiptsOf } from "../audit/folder.js";
import { CliError, EXIT } from "../errors.js";
import { writeWhole } from "../state/files.js";
import { parseIndex } from "./ledger.js";

/** `wattseal prove`: one file with the entry and everything that proves it. */
export async function prove(
  entry: string,
  options: { readonly log: string; readonly out?: string; readonly json: boolean },
): Promise<number> {
  const log = await openLog(options.log);
  const index = parseIndex(entry, log.durableSize);
  const receipts = await receiptsOf(options.log, log);
  const receipt = receipts.find((note) => unverifiedCheckpoint(note).size > index);
  const note = receipt ?? log.head?.note;
  if (note === undefined || unverifiedCheckpoint(note).size <= index) {
    throw new CliError(
      "usage",
      `entry ${index} is not signed yet: a checkpoint follows within 10 s. Try again then.`,
    );
  }
  const proof = encodeProofFile(collectProof(log, index, note));
  // Nothing leaves that would not verify at the other end.
  verifyProofFile(proof);
  const file = resolve(options.out ?? `entry-${index}.proof`);
  await writeWhole(file, proof, 0o644).catch((cause: unknown) => {
    throw new CliError("usage", `${file} cannot be written: ${messageOf(cause)}`, { cause });
  });
  if (options.json) {
    const summary = { file, entry: index, witnessed: receipt !== undefined };
    process.stdout.write(`${JSON.stringify(summary)}\n`);
    return EXIT.ok;
  }
  const witnessed =
    receipt === undefined ? "signed by the pack alone: no receipt covers it" : "witnessed";
  process.stdout.write(`${file}: entry ${index}, ${witnessed}\n`);
  return EXIT.ok;
}
