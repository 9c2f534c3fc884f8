import type { AuditReport } from "@wattseal/verifier";
import { auditFolder, readTrust } from "../audit/folder.js";
import { EXIT } from "../errors.js";
import { writeOut } from "../view/output.js";
import { withProgress } from "../view/progress.js";
import { count, wattHours } from "../view/units.js";

/** `wattseal ledger audit`: exit status 1 at the first difference, which it names. */
export async function auditCommand(
  path: string,
  options: { readonly trust?: string; readonly json: boolean },
): Promise<number> {
  const trust = await readTrust(options.trust);
  const report = await withProgress("entries", (progress) => auditFolder(path, trust, progress));
  await writeOut(options.json ? `${JSON.stringify(auditJson(report))}\n` : auditText(report));
  return report.verdict === "refused" ? EXIT.failed : EXIT.ok;
}

function auditJson(report: AuditReport) {
  return { verified: report.verdict === "verified", ...report };
}

function auditText(report: AuditReport): string {
  const { difference, energy, society } = report;
  const lines = [
    `log        ${report.lct ?? "unknown"}`,
    `entries    ${count(report.entries)} hold; ${count(report.signed)} signed, ${count(report.witnessed)} witnessed by ${report.witnesses.join(", ") || "nobody accepted"}`,
    `epochs     ${count(report.epochs)}`,
    `energy     in ${wattHours(energy.inMwh)}, out ${wattHours(energy.outMwh)} over ${count(energy.intervals)} intervals`,
    `society    supply ${wattHours(society.supply)} = ATP ${wattHours(society.atp)} + reserved ${wattHours(society.reserved)} + ADP ${wattHours(society.adp)}`,
    `authority  ${report.authority ?? "not checked: no --trust file was given"}`,
  ];
  if (difference !== undefined) {
    const where = difference.index === undefined ? "head" : `entry ${difference.index}`;
    lines.push(`DIFFERENCE at ${where}: ${difference.reason}`);
  }
  lines.push(`verdict    ${report.verdict}`, "");
  return lines.join("\n");
}
