import type { GatewayStatus } from "@wattseal/gateway";
import type { FolderAudit } from "../audit/folder.js";
import { count, wattHours } from "./units.js";

export interface SummaryInput {
  /** While the links were still up. */
  readonly beforeStop: GatewayStatus;
  /** After the log was closed. */
  readonly final: GatewayStatus;
  readonly audit: FolderAudit;
  /** Sealed PDUs that the modules gave out. */
  readonly sent: number;
  readonly speed: number;
  /** Folder of the log. */
  readonly log: string;
}

/** What `--json` prints as its last line: energy in mWh of record, gross; witnessed counts entries. */
export interface SummaryJson {
  readonly modules: number;
  readonly linked: number;
  /** Clear-text modules, and how many unauthenticated readings they gave; absent on a bus without them. */
  readonly legacy?: {
    readonly modules: number;
    readonly registered: number;
    readonly readings: number;
  };
  /** Windows in which the pack's shunt was held against the modules; absent in a pack without one. */
  readonly shunt?: { readonly checks: number; readonly suspect: number; readonly missed: number };
  readonly pdus: { readonly sent: number; readonly accepted: number; readonly rejected: number };
  readonly energy: { readonly inMwh: number; readonly outMwh: number };
  readonly entries: number;
  readonly checkpoints: number;
  readonly witnessed: number;
  readonly society: Readonly<
    Record<
      "supply" | "atp" | "reserved" | "adp" | "eligible" | "withheld" | "unclaimed" | "deficit",
      number
    >
  >;
  readonly verified: boolean;
  readonly log: string;
}

export interface Summary {
  readonly json: SummaryJson;
  /** Everything verified, and everything acknowledged was witnessed. */
  readonly ok: boolean;
  readonly speed: number;
  /** The first entry that was replayed: not 0 in a pruned log. */
  readonly from: number;
  /** Why it is not ok. */
  readonly problems: readonly string[];
}

export function summarise(input: SummaryInput): Summary {
  const { beforeStop, final, audit, sent } = input;
  const total = (of: "accepted" | "rejected") =>
    beforeStop.modules.reduce((sum, { counts }) => sum + (counts?.[of] ?? 0), 0);
  const { supply, atp, reserved, adp, eligible, withheld, unclaimed, deficit } = final.society;
  const json: SummaryJson = {
    modules: beforeStop.modules.length,
    linked: beforeStop.modules.filter(({ linked }) => linked).length,
    ...legacyOf(beforeStop),
    ...shuntOf(final),
    pdus: { sent, accepted: total("accepted"), rejected: total("rejected") },
    energy: { inMwh: final.energy.inMwh, outMwh: final.energy.outMwh },
    entries: final.entries,
    checkpoints: final.checkpoints,
    witnessed: final.witnessed,
    society: { supply, atp, reserved, adp, eligible, withheld, unclaimed, deficit },
    verified: isVerified(audit),
    log: input.log,
  };
  const problems: string[] = [];
  if (!isVerified(audit)) {
    problems.push(`The log did not verify: ${audit.problem ?? audit.verdict}`);
  }
  if (audit.entries !== final.entries) {
    problems.push(
      `The log holds ${audit.entries} entries, but ${final.entries} were acknowledged.`,
    );
  }
  if (final.witnessed < final.entries) {
    problems.push(`${final.entries - final.witnessed} acknowledged entries were not witnessed.`);
  }
  if (final.refusedEntries > 0)
    problems.push(`${final.refusedEntries} entries were refused by the ledger's rules.`);
  if (final.stopped !== undefined) problems.push(final.stopped);
  return {
    json,
    ok: problems.length === 0,
    speed: input.speed,
    from: audit.report?.from ?? 0,
    problems,
  };
}

function legacyOf({ legacyModules }: GatewayStatus): Pick<SummaryJson, "legacy"> {
  if (legacyModules.length === 0) return {};
  const registered = legacyModules.filter((module) => module.registered).length;
  const readings = legacyModules.reduce((sum, module) => sum + module.readings, 0);
  return { legacy: { modules: legacyModules.length, registered, readings } };
}

function shuntOf({ shunt }: GatewayStatus): Pick<SummaryJson, "shunt"> {
  if (shunt === undefined) return {};
  const { entered, suspect, missed } = shunt.checks;
  return { shunt: { checks: entered, suspect, missed } };
}

export function renderSummary({ json, problems, speed, from }: Summary): string {
  const since = from === 0 ? "" : ` from ${count(from)} on`;
  const { pdus, energy, society, legacy, shunt } = json;
  const lines = [
    "",
    `modules    ${json.linked} of ${json.modules} linked; ${count(pdus.sent)} sealed PDUs sent, ${count(pdus.accepted)} accepted, ${count(pdus.rejected)} rejected`,
    ...(legacy === undefined
      ? []
      : [
          `in clear   ${legacy.registered} of ${legacy.modules} registered; ${count(legacy.readings)} readings, unauthenticated: their out counts, their in never`,
        ]),
    ...(shunt === undefined
      ? []
      : [
          `shunt      ${count(shunt.checks)} windows checked, ${count(shunt.suspect)} suspect, ${count(shunt.missed)} without a check`,
        ]),
    `energy     in ${wattHours(energy.inMwh)}, out ${wattHours(energy.outMwh)} (of record, gross)`,
    `society    supply ${wattHours(society.supply)} = ATP ${wattHours(society.atp)} + reserved ${wattHours(society.reserved)} + ADP ${wattHours(society.adp)}`,
    `log        ${count(json.entries)} entries, ${count(json.checkpoints)} checkpoints, ${count(json.witnessed)} entries witnessed`,
    `speed      ${speed.toFixed(0)} x real time`,
    `verified   ${json.verified ? `yes: every entry${since}, checkpoint and fold, by an independent reading of the log just written` : "NO"}`,
    `log in     ${json.log}`,
    ...problems.map((problem) => `PROBLEM    ${problem}`),
    "",
  ];
  return `${lines.join("\n")}\n`;
}

/** Of a pruned log all that is there. */
function isVerified({ verdict }: FolderAudit): boolean {
  return verdict === "verified" || verdict === "verified from a snapshot";
}
