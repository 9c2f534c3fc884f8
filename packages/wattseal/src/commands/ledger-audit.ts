import type { AuditReport, Verdict } from "@wattseal/verifier";
import { auditFolder, type FolderAudit, readTrust } from "../audit/folder.js";
import { EXIT } from "../errors.js";
import { writeOut } from "../view/output.js";
import { withProgress } from "../view/progress.js";
import { count, wattHours } from "../view/units.js";

const SOUND: readonly Verdict[] = ["verified", "verified from a snapshot", "self-consistent only"];

/** `wattseal ledger audit`: exit status 1 at the first difference, which it names. */
export async function auditCommand(
  path: string,
  options: { readonly trust?: string; readonly json: boolean },
): Promise<number> {
  const trust = await readTrust(options.trust);
  const audit = await withProgress("entries", (progress) => auditFolder(path, trust, progress));
  await writeOut(
    options.json ? `${JSON.stringify(auditJson(audit))}\n` : auditText(audit, trust !== undefined),
  );
  return SOUND.includes(audit.verdict) ? EXIT.ok : EXIT.failed;
}

function auditJson({ verdict, problem, entries, tornBytes, report }: FolderAudit) {
  return { verified: verdict === "verified", ...report, verdict, problem, entries, tornBytes };
}

function auditText({ verdict, problem, tornBytes, report }: FolderAudit, trusted: boolean): string {
  const lines = report === undefined ? [] : reportLines(report, trusted);
  if (tornBytes > 0) {
    lines.push(`torn       ${tornBytes} bytes of a record that was never acknowledged`);
  }
  if (problem !== undefined) lines.push(`DIFFERENCE ${problem}`);
  lines.push(`verdict    ${verdict}`, "");
  return lines.join("\n");
}

/** Only of a society that trades. */
function claimLines({ claims, conversionLoss }: AuditReport["society"]): string[] {
  if (claims === 0 && conversionLoss === 0) return [];
  const said =
    claims < 0 ? `${wattHours(-claims)} owed to others` : `${wattHours(claims)} owed by others`;
  return [`trade      ${said}, ${wattHours(conversionLoss)} lost on the way here`];
}

function reportLines(report: AuditReport, trusted: boolean): string[] {
  const { energy, society } = report;
  return [
    `log        ${report.lct ?? "unknown"}`,
    `entries    ${count(report.entries)} hold; ${count(report.signed)} signed, ${count(report.witnessed)} witnessed${report.witnesses.map((name) => ` by ${name}`).join(",")}`,
    ...fromLines(report),
    epochsLine(report),
    `energy     in ${wattHours(energy.inMwh)}, out ${wattHours(energy.outMwh)} over ${count(energy.intervals)} intervals of whatever verdict; gaps not in it`,
    `society    supply ${wattHours(society.supply)} = ATP ${wattHours(society.atp)} + reserved ${wattHours(society.reserved)} + ADP ${wattHours(society.adp)}`,
    ...claimLines(society),
    ...openLines(report, trusted),
    `authority  ${report.authority ?? (trusted ? "none of the trust file's" : "not checked: no --trust file was given")}`,
  ];
}

function epochsLine({ epochs, epochStates }: AuditReport): string {
  const states = Object.entries(epochStates).map(([state, number]) => `${count(number)} ${state}`);
  return `epochs     ${count(epochs)}${states.length === 0 ? "" : `: ${states.join(", ")}`}`;
}

/** What `verified in part` waits for. */
function openLines(report: AuditReport, trusted: boolean) {
  const { entries, signed, witnessed, quorum = 1, difference } = report;
  if (!trusted || difference !== undefined || witnessed === entries) return [];
  const last = (covered: number) => `the last ${count(entries - covered)}`;
  const unsigned = signed < entries ? [`${last(signed)} are not signed yet`] : [];
  const whom = quorum === 1 ? "anyone accepted" : `${quorum} of those accepted`;
  return [`open       ${[...unsigned, `${last(witnessed)} not witnessed by ${whom}`].join(", ")}`];
}

function fromLines({ from, witnessed }: AuditReport): string[] {
  if (from === 0) return [];
  const vouched = witnessed > from ? "signed and witnessed" : "signed";
  return [
    `replayed   from entry ${count(from)} on; for the state before it stands the digest in that entry alone, which is ${vouched}`,
  ];
}
