import { resolve } from "node:path";
import { messageOf } from "@wattseal/base";
import { decodeEntry, type EnergyInterval, underivable } from "@wattseal/energy-ledger";
import {
  nodeEvidenceFiles,
  type PartlyKept,
  readEvidence,
  selectInterval,
} from "@wattseal/gateway";
import { collectEvidence, encodeEvidenceFile, verifyEvidenceFile } from "@wattseal/verifier";
import { noteOver, openLog, readTrust } from "../audit/folder.js";
import { CliError, EXIT } from "../errors.js";
import { checkSeals } from "../evidence/seals.js";
import { type EvidenceFinding, findingJson, findingOf, findingText } from "../evidence/view.js";
import { writeWhole } from "../state/files.js";
import { type Layout, layoutOf } from "../state/layout.js";
import { parseIndex } from "./ledger.js";

export interface EvidenceOptions {
  readonly state: string;
  readonly log?: string;
  readonly out?: string;
  readonly trust?: string;
  readonly json: boolean;
}

/**
 * `wattseal ledger evidence`: derives an interval again from the readings that the gateway kept. Exit status 1 when a field
 * differs, or when not all of its readings are kept any more.
 */
export async function evidenceCommand(entry: string, options: EvidenceOptions): Promise<number> {
  const layout = layoutOf(resolve(options.state));
  const trust = await readTrust(options.trust);
  const folder = options.log ?? layout.gateway.log;
  const log = await openLog(folder);
  const index = parseIndex(entry, log.durableSize);
  const interval = intervalAt(index, log.entry(index));
  const { note, further } = await noteOver(folder, log, index);
  const { module, t0, t1 } = interval;
  const files = nodeEvidenceFiles(layout.gateway.evidence);
  const kept = await readEvidence(files, { module, from: t0, to: t1 });
  const selected = selectInterval(interval, kept.readings);
  if ("found" in selected) {
    const reason = reasonOf(interval, selected, kept, layout);
    return told(index, { verdict: "not derivable", reason, ...underivable(reason) }, options.json);
  }
  const { keys } = kept;
  const evidence = collectEvidence(log, index, note, { ...selected, keys }, further);
  const file = encodeEvidenceFile(evidence);
  const report = verifyEvidenceFile(file, trust);
  const finding = findingOf(report, checkSeals(report).finding);
  if (options.out !== undefined && finding.verdict === "derived") {
    await write(resolve(options.out), file);
  }
  return told(index, finding, options.json);
}

function intervalAt(index: number, bytes: Uint8Array): EnergyInterval {
  const { type, body } = decodeEntry(bytes);
  if (type === "energy.interval" && body.digest !== undefined) return body;
  const what = type === "energy.interval" ? "of a clear-text module, without a digest" : type;
  throw new CliError(
    "usage",
    `entry ${index} is ${what}. Readings are kept for intervals of modules with a sealed link: wattseal ledger list LOG --type energy.interval`,
  );
}

type Kept = Awaited<ReturnType<typeof readEvidence>>;

function reasonOf(
  { readings, t0 }: EnergyInterval,
  { found }: PartlyKept,
  { since, damage }: Kept,
  { gateway }: Layout,
): string {
  const [first] = damage;
  if (first !== undefined) {
    return `${found} of its ${readings} readings can be read: ${first}`;
  }
  if (since === undefined) {
    return `nothing is kept in ${gateway.evidence}: evidence.mebibytes in gateway.toml is 0, or the gateway could not write there`;
  }
  if (since > t0) {
    return `its readings of ${time(t0)} are no longer kept: what is kept begins at ${time(since)}. evidence.days and evidence.mebibytes in gateway.toml say how long that is`;
  }
  return `${found} of its ${readings} readings are kept with what it starts from: the others were lost with a power cut, a kill or a full disk`;
}

const time = (ms: number) => new Date(ms).toISOString();

async function write(path: string, bytes: Uint8Array): Promise<void> {
  await writeWhole(path, bytes, 0o600).catch((cause: unknown) => {
    throw new CliError("usage", `${path} cannot be written: ${messageOf(cause)}`, { cause });
  });
}

function told(index: number, finding: EvidenceFinding, json: boolean): number {
  process.stdout.write(
    json
      ? `${JSON.stringify({ entry: index, ...findingJson(finding) })}\n`
      : `entry      ${index}\n${findingText(finding)}`,
  );
  return finding.verdict === "derived" ? EXIT.ok : EXIT.failed;
}
