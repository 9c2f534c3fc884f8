import { printable } from "@wattseal/base";
import type { FieldFinding } from "@wattseal/energy-ledger";
import type { EvidenceReport } from "@wattseal/verifier";
import type { RecordingFinding, SealFinding } from "./seals.js";

export type EvidenceVerdict = "derived" | "different" | "not derivable";

/** How an interval came out. */
export interface EvidenceFinding {
  readonly verdict: EvidenceVerdict;
  readonly reason?: string | undefined;
  readonly fields: readonly FieldFinding[];
  /** The rest where there were readings to derive from. */
  readonly readings?: number;
  readonly sessions?: number;
  /** ms. */
  readonly tickSpread?: number | undefined;
  readonly seals?: SealFinding;
  /** Where a recording was given. */
  readonly recording?: RecordingFinding | undefined;
}

export function findingOf(
  report: EvidenceReport,
  seals: SealFinding,
  recording?: RecordingFinding,
): EvidenceFinding {
  const { fields, tickSpread, interval, sessions } = report;
  const reason = otherReason(report, seals, recording);
  const same = fields.every(({ finding }) => finding === "ok") && reason === undefined;
  return {
    verdict: same ? "derived" : "different",
    reason,
    fields,
    readings: interval.readings,
    sessions: sessions.length,
    tickSpread,
    seals,
    recording,
  };
}

/** Of a difference that no field has. */
function otherReason(
  { derived, fields }: EvidenceReport,
  { wrong }: SealFinding,
  recording: RecordingFinding | undefined,
): string | undefined {
  if (fields.some(({ finding }) => finding !== "ok")) return undefined;
  if (!derived) return "the gateway's times leave the module's own by more than 5 s";
  if (wrong > 0) return "a released key does not give the tags that were kept";
  if (recording === undefined || recording.missing === 0) return undefined;
  return `${recording.missing} PDUs are not in the recording: it does not span the interval, or they were never on that bus`;
}

export function findingJson(finding: EvidenceFinding): object {
  return { ...finding, fields: printable(finding.fields) };
}

/** A line for each field, then what stands beside them. */
export function findingText(finding: EvidenceFinding): string {
  const { verdict, reason, fields, readings, sessions, tickSpread, seals, recording } = finding;
  const lines = fields.map((found) =>
    `  ${found.field.padEnd(15)} ${found.finding.padEnd(13)} ${found.reason ?? ""}`.trimEnd(),
  );
  if (readings !== undefined) {
    lines.push(`readings   ${readings}, in ${sessions} session${sessions === 1 ? "" : "s"}`);
  }
  if (tickSpread !== undefined)
    lines.push(`times      within ${tickSpread} ms of the module's own`);
  if (seals !== undefined) lines.push(`seals      ${sealsText(seals)}`);
  if (recording !== undefined) {
    const { recorded, missing } = recording;
    lines.push(`recording  has ${recorded} of ${recorded + missing} PDUs`);
  }
  if (reason !== undefined) lines.push(`reason     ${reason}`);
  lines.push(`evidence   ${verdict === "derived" ? verdict : verdict.toUpperCase()}`);
  return `${lines.join("\n")}\n`;
}

function sealsText({ sealed, wrong, unreleased }: SealFinding): string {
  const all = sealed + wrong + unreleased;
  const parts = [`${sealed} of ${all} PDUs are what the released key gives`];
  if (wrong > 0) parts.push(`${wrong} are NOT`);
  if (unreleased > 0) parts.push(`${unreleased} are of sessions whose key is not released`);
  return parts.join("; ");
}
