import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { messageOf, printable, WattsealError } from "@wattseal/base";
import { isAttestationFile } from "@wattseal/lct-keys/verify";
import {
  isEvidenceFile,
  isMissingStatement,
  type ProofReport,
  type Trust,
  verifyEvidenceFile,
  verifyMissing,
  verifyProofFile,
} from "@wattseal/verifier";
import { checkAttestation } from "../audit/attestation.js";
import { readTrust } from "../audit/folder.js";
import { CliError, EXIT } from "../errors.js";
import { checkSeals, findInRecording } from "../evidence/seals.js";
import { type EvidenceFinding, findingJson, findingOf, findingText } from "../evidence/view.js";
import { attestedJson, attestedText } from "../view/attestation.js";
import { entryText } from "../view/entry.js";
import { missingJson, missingText } from "../view/missing.js";

/** Of a file to check, bytes; an evidence file has at most 8 MiB. */
const LONGEST = 8 * 1_048_576;

export interface VerifyOptions {
  readonly trust?: string;
  readonly recording?: string;
  /** Of an attestation: what was asked with. */
  readonly nonce?: Uint8Array;
  readonly json: boolean;
}

/** `wattseal verify`, of a proof, evidence or attestation file, or a statement of missing entries: exit status 1 when it does not hold, with what does not. */
export async function verify(file: string, options: VerifyOptions): Promise<number> {
  const trust = await readTrust(options.trust);
  const bytes = await readGiven(file);
  if (options.nonce !== undefined && !isAttestationFile(bytes)) {
    throw new CliError("usage", "--nonce is for an attestation: nothing else answers one");
  }
  let checked: Checked;
  try {
    if (isAttestationFile(bytes)) {
      const attested = checkAttestation(bytes, trust, options.nonce);
      process.stdout.write(options.json ? attestedJson(attested) : attestedText(attested));
      return EXIT.ok;
    }
    if (isMissingStatement(bytes)) {
      const said = verifyMissing(bytes, trust);
      process.stdout.write(options.json ? missingJson(said) : missingText(said));
      return EXIT.ok;
    }
    checked = await check(bytes, trust, options.recording);
  } catch (error) {
    if (isOther(error)) throw error;
    const reason = messageOf(error);
    process.stdout.write(
      options.json
        ? `${JSON.stringify({ verified: false, verdict: "refused", reason })}\n`
        : `verdict    refused\nreason     ${reason}\n`,
    );
    return EXIT.failed;
  }
  process.stdout.write(options.json ? checkedJson(checked) : checkedText(checked));
  return verdictOf(checked) === "refused" ? EXIT.failed : EXIT.ok;
}

/** Of the command line or the recording, not of the file. */
function isOther(error: unknown): boolean {
  return (
    error instanceof CliError || (error instanceof WattsealError && error.code === "trace-file")
  );
}

async function readGiven(file: string): Promise<Uint8Array> {
  const path = resolve(file);
  const unreadable = (cause: unknown): never => {
    throw new CliError("usage", `${file} cannot be read: ${messageOf(cause)}`, { cause });
  };
  const { size } = await stat(path).catch(unreadable);
  if (size > LONGEST) {
    throw new CliError("usage", `${file} has ${size} bytes: no proof or evidence file is so long`);
  }
  return readFile(path).catch(unreadable);
}

interface Checked {
  readonly proof: ProofReport;
  /** Of an evidence file. */
  readonly evidence: EvidenceFinding | undefined;
}

async function check(
  bytes: Uint8Array,
  trust: Trust | undefined,
  recording: string | undefined,
): Promise<Checked> {
  if (!isEvidenceFile(bytes)) {
    if (recording !== undefined) {
      throw new CliError("usage", "--recording is for evidence: a proof file holds no PDUs");
    }
    return { proof: verifyProofFile(bytes, trust), evidence: undefined };
  }
  const report = verifyEvidenceFile(bytes, trust);
  const seals = checkSeals(report);
  const found =
    recording === undefined ? undefined : await findInRecording(resolve(recording), report, seals);
  return { proof: report.proof, evidence: findingOf(report, seals.finding, found) };
}

function checkedJson({ proof, evidence }: Checked): string {
  const verdict = verdictOf({ proof, evidence });
  const beside = evidence === undefined ? {} : { evidence: findingJson(evidence) };
  const verified = verdict === "verified";
  return `${JSON.stringify(printable({ verified, ...proof, verdict, ...beside }))}\n`;
}

/** An entry that its readings contradict is refused, however well it is proven to be in the log. */
function verdictOf({ proof, evidence }: Checked): ProofReport["verdict"] | "refused" {
  return evidence === undefined || evidence.verdict === "derived" ? proof.verdict : "refused";
}

function checkedText({ proof, evidence }: Checked): string {
  const verdict = `verdict    ${verdictOf({ proof, evidence })}\n`;
  return `${reportText(proof)}${evidence === undefined ? "" : findingText(evidence)}${verdict}`;
}

function reportText(report: ProofReport): string {
  const head = `log        ${report.lct}, ${report.size} entries`;
  const trusted =
    report.verdict === "verified"
      ? [
          `authority  ${report.authority}`,
          ...report.witnesses.map(
            ({ witness, time }) => `witness    ${witness}, ${new Date(time * 1000).toISOString()}`,
          ),
        ]
      : ["authority  not checked: no --trust file was given"];
  return [
    entryText(report.index, report.entry),
    head,
    `epoch      ${epochText(report)}`,
    ...trusted,
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
