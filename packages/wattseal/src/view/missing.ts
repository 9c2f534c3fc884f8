import type { MissingReport } from "@wattseal/verifier";

const verdictOf = ({ witness }: MissingReport) =>
  witness === undefined ? "self-consistent only" : "verified";

export function missingJson(report: MissingReport): string {
  const verdict = verdictOf(report);
  return `${JSON.stringify({ verified: verdict === "verified", verdict, kind: "missing", ...report })}\n`;
}

export function missingText(report: MissingReport): string {
  const { origin, from, to, time, witness } = report;
  return [
    `log        ${origin}`,
    `missing    entries ${from} to ${to - 1}: ${witness ?? "whoever signed this"} lost them, and had them from nobody by ${new Date(time).toISOString()}`,
    `verdict    ${verdictOf(report)}`,
    "",
  ].join("\n");
}
