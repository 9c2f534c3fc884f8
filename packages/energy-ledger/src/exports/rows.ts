/** Entries about energy as rows: integers in the smallest unit that the bus or the log counts in. */
import type { EnergyGap, EnergyInterval } from "../entries/energy.js";
import type { Entry } from "../entries/entry.js";
import type { SocietyCharge } from "../entries/society.js";
import { shareOf } from "../society/policy.js";
import { totalOf } from "../society/queue.js";
import { type ExportHead, type ProofReference, proofOf } from "./proof.js";
import { instant } from "./text.js";

/** One row. Which fields are there depends on `record`; energies are mWh, times UTC. */
export interface LedgerRow {
  readonly record:
    | "interval"
    | "gap"
    | "reset"
    | "check"
    | "window"
    | "charge"
    | "expiry"
    | "reconcile"
    | "resolve"
    | "resolution"
    | "loss";
  readonly index: number;
  /** Of the entry. */
  readonly time: string;
  readonly from?: string;
  readonly to?: string;
  readonly module?: string;
  /** Of record. */
  readonly inMwh?: number;
  readonly outMwh?: number;
  readonly integralInMwh?: number;
  readonly integralOutMwh?: number;
  /** The module's counters at the end; absent where it has none. */
  readonly counterInMwh?: number | undefined;
  readonly counterOutMwh?: number | undefined;
  readonly voltageLowMv?: number;
  readonly voltageHighMv?: number;
  /** Positive is charging. */
  readonly currentLowMa?: number;
  readonly currentHighMa?: number;
  /** Hundredths of a degree Celsius. */
  readonly temperatureLowCentiC?: number;
  readonly temperatureHighCentiC?: number;
  readonly socStartPct?: number;
  readonly socEndPct?: number;
  readonly readings?: number;
  readonly verdict?: string;
  /** Window: Σ in − Σ out as the society counts it, over `count` entries. */
  readonly netMwh?: number;
  readonly count?: number;
  /** Charge: eligible energy used; expiry: what lots and withheld lost; reconcile: the stock measured. */
  readonly amountMwh?: number;
  readonly lotMwh?: number;
  readonly withheldMwh?: number;
  readonly tierBps?: number;
  readonly sources?: readonly { readonly source: string; readonly mwh: number }[];
  /** Why, or of what kind. */
  readonly note?: string;
  readonly proof: ProofReference;
}

/** The bus's raw scales (entries/energy.ts) in whole units. */
const RAW_MV = 15;
const RAW_MA = 20;
const ZERO_MA = 32_768;
export const ZERO_CELSIUS = 5_535;

/** The row that an entry gives; undefined for entries that say nothing about energy. */
export function rowOf(index: number, entry: Entry, head: ExportHead): LedgerRow | undefined {
  const at = { index, time: instant(entry.timeMs) };
  return meteringRow(at, entry, head) ?? societyRow(at, entry, head);
}

type Place = Pick<LedgerRow, "index" | "time">;

function meteringRow(at: Place, { type, body }: Entry, head: ExportHead): LedgerRow | undefined {
  const proof = proofOf(head, at.index);
  if (type === "energy.interval") {
    return { record: "interval", ...at, ...span(body), ...measured(body), proof };
  }
  if (type === "energy.gap") return { record: "gap", ...at, ...span(body), ...passed(body), proof };
  if (type === "energy.reset") {
    return { record: "reset", ...at, ...span(body), ...ends(body), proof };
  }
  if (type === "energy.check") {
    const { t0, t1, first, count, in: inMwh, out: outMwh, verdict, shunt } = body;
    const spanned = { from: instant(t0), to: instant(t1), inMwh, outMwh, verdict, count };
    return {
      record: "check",
      ...at,
      ...spanned,
      note: shunt,
      proof: proofOf(head, first, at.index),
    };
  }
  if (type === "energy.resolution") {
    const note = `${body.minutes} min, ${body.reason}: ${body.detail}`;
    return { record: "resolution", ...at, note, proof };
  }
  if (type === "ops.loss") {
    const { from, until, what, reason, detail } = body;
    const note = `${what}, ${reason}: ${detail}`;
    return { record: "loss", ...at, from: instant(from), to: instant(until), note, proof };
  }
  if (type !== "energy.window") return undefined;
  const { t0, t1, first = at.index, count, net } = body;
  const spanned = { from: instant(t0), to: instant(t1), netMwh: net, count };
  return { record: "window", ...at, ...spanned, proof: proofOf(head, first, at.index) };
}

function societyRow(at: Place, { type, body }: Entry, head: ExportHead): LedgerRow | undefined {
  const proof = proofOf(head, at.index);
  if (type === "society.charge") return { record: "charge", ...at, ...charged(body), proof };
  if (type === "society.expire") {
    const lotMwh = totalOf(body.lots);
    const withheldMwh = totalOf(body.withheld);
    const amountMwh = lotMwh + withheldMwh;
    return { record: "expiry", ...at, amountMwh, lotMwh, withheldMwh, proof };
  }
  if (type === "energy.reconcile") {
    const note = `${body.kind}: ${body.basis}`;
    return { record: "reconcile", ...at, amountMwh: body.stock, note, proof };
  }
  if (type !== "energy.resolve") return undefined;
  const { interval, decision, evidence, reason } = body;
  const note = `${decision} ${interval} by ${evidence}: ${reason}`;
  return { record: "resolve", ...at, note, proof: proofOf(head, interval, at.index) };
}

function span({ module, t0, t1 }: Pick<EnergyInterval, "module" | "t0" | "t1">) {
  return { module, from: instant(t0), to: instant(t1) };
}

function ends({ end }: Pick<EnergyInterval, "end">) {
  return { counterInMwh: end?.in, counterOutMwh: end?.out };
}

function passed(gap: EnergyGap) {
  return { inMwh: gap.in, outMwh: gap.out, ...ends(gap), note: gap.reason };
}

function measured(interval: EnergyInterval) {
  return {
    inMwh: interval.in,
    outMwh: interval.out,
    integralInMwh: interval.integralIn,
    integralOutMwh: interval.integralOut,
    ...ends(interval),
    voltageLowMv: interval.voltageLow * RAW_MV,
    voltageHighMv: interval.voltageHigh * RAW_MV,
    currentLowMa: (interval.currentLow - ZERO_MA) * RAW_MA,
    currentHighMa: (interval.currentHigh - ZERO_MA) * RAW_MA,
    temperatureLowCentiC: interval.temperatureLow - ZERO_CELSIUS,
    temperatureHighCentiC: interval.temperatureHigh - ZERO_CELSIUS,
    socStartPct: interval.socStart / 2,
    socEndPct: interval.socEnd / 2,
    readings: interval.readings,
    verdict: interval.verdict,
  };
}

function charged({ amount, sources, tierBps }: SocietyCharge) {
  const lotMwh = shareOf(amount, tierBps);
  return {
    amountMwh: amount,
    lotMwh,
    withheldMwh: amount - lotMwh,
    tierBps,
    sources: sources.map(({ source, amount: mwh }) => ({ source, mwh })),
  };
}
