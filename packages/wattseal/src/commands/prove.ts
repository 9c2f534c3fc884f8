import { resolve } from "node:path";
import { messageOf } from "@wattseal/base";
import { collectProof, encodeProofFile, verifyProofFile } from "@wattseal/verifier";
import { noteOver, openLog } from "../audit/folder.js";
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
  const { note, further, witnessed } = await noteOver(options.log, log, index);
  const proof = encodeProofFile(collectProof(log, index, note, further));
  // Nothing leaves that would not verify at the other end.
  verifyProofFile(proof);
  const file = resolve(options.out ?? `entry-${index}.proof`);
  await writeWhole(file, proof, 0o644).catch((cause: unknown) => {
    throw new CliError("usage", `${file} cannot be written: ${messageOf(cause)}`, { cause });
  });
  if (options.json) {
    const summary = { file, entry: index, witnessed };
    process.stdout.write(`${JSON.stringify(summary)}\n`);
    return EXIT.ok;
  }
  const standing = witnessed ? "witnessed" : "signed by the pack alone: no receipt covers it";
  process.stdout.write(`${file}: entry ${index}, ${standing}\n`);
  return EXIT.ok;
}
