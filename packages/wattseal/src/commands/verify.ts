import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { messageOf } from "@wattseal/base";
import { type ProofReport, verifyProofFile } from "@wattseal/verifier";
import { readTrust } from "../audit/folder.js";
import { CliError, EXIT } from "../errors.js";
import { entryText, printable } from "../view/entry.js";

/** `wattseal verify`: exit status 1 when the proof does not hold, with what does not. */
export async function verify(
  file: string,
  options: { readonly trust?: string; readonly json: boolean },
): Promise<number> {
  const trust = await readTrust(options.trust);
  const bytes = await readFile(resolve(file)).catch((cause: unknown) => {
    throw new CliError("usage", `${file} cannot be read: ${messageOf(cause)}`, { cause });
  });
  let report: ProofReport;
  try {
    report = verifyProofFile(bytes, trust);
  } catch (error) {
    const reason = messageOf(error);
    process.stdout.write(
      options.json
        ? `${JSON.stringify({ verified: false, verdict: "refused", reason })}\n`
        : `verdict    refused\nreason     ${reason}\n`,
    );
    return EXIT.failed;
  }
  process.stdout.write(options.json ? reportJson(report) : reportText(report));
  return EXIT.ok;
}

function reportJson(report: ProofReport): string {
  return `${JSON.stringify(printable({ verified: report.verdict === "verified", ...report }))}\n`;
}

function reportText(report: ProofReport): string {
  const head = `log        ${report.lct}, ${report.size} entries`;
  const trusted =
    report.verdict === "verified"
      ? [
          `authority  ${report.authority}`,
          `witness    ${report.witness}, ${new Date(report.witnessedAt * 1000).toISOString()}`,
        ]
      : ["authority  not checked: no --trust file was given"];
  return [
    entryText(report.index, report.entry),
    head,
    `epoch      ${epochText(report)}`,
    ...trusted,
    `verdict    ${report.verdict}`,
    "",
  ].join("\n");
}

/** The boot that wrote the entry, how surely, and the one that signed the head. */
function epochText({ epoch, epochState, nextEpoch, signedUnder }: ProofReport): string {
  const unseen = nextEpoch === undefined ? 0 : nextEpoch - epoch - 1;
  const bound = unseen === 0 ? "" : `, or one up to ${epoch + unseen} that the proof does not show`;
  const { epoch: head, epochState: headState } = signedUnder;
  const signed = head === epoch ? "" : `; head signed under epoch ${head} (${headState})`;
  return `${epoch} (${epochState})${bound}${signed}`;
}
