import type { FederationStats } from "@wattseal/federation";
import type { FleetStatus, Quantiles } from "../fleet/fleet.js";
import { count } from "./units.js";

export interface FleetMoment extends FleetStatus {
  /** What the process has grown by since before its packs were opened; a federation in it included. */
  readonly residentBytes: number;
  /** Where it is in the same process. */
  readonly federation: FederationStats | undefined;
}

/** A moment, and rates a second since a little while ago. */
export interface FleetFigures extends Omit<FleetMoment, "federation"> {
  readonly entriesPerSecond: number;
  readonly receiptsPerSecond: number;
  readonly bytesPerPack: number;
  /** By the worker in this process, by reason. */
  readonly refusedByWorker: FederationStats["refused"];
}

interface Sample {
  readonly at: number;
  readonly entries: number;
  readonly receipts: number;
}

const RATES_OVER_MS = 10_000;

export class FleetView {
  readonly #read: () => FleetMoment;
  #samples: Sample[];

  constructor(read: () => FleetMoment) {
    this.#read = read;
    this.#samples = [{ at: performance.now(), entries: 0, receipts: 0 }];
  }

  now(): FleetFigures {
    const { federation, ...moment } = this.#read();
    const { entries, receipts } = moment;
    const at = performance.now();
    this.#samples.push({ at, entries, receipts });
    const recent = this.#samples.findIndex((sample) => sample.at >= at - RATES_OVER_MS);
    this.#samples = this.#samples.slice(Math.max(0, recent));
    const [first] = this.#samples;
    const seconds = first === undefined ? 0 : (at - first.at) / 1000;
    const rate = (now: number, then = 0) => (seconds < 0.1 ? 0 : (now - then) / seconds);
    return {
      ...moment,
      entriesPerSecond: rate(entries, first?.entries),
      receiptsPerSecond: rate(receipts, first?.receipts),
      bytesPerPack: Math.max(0, Math.round(moment.residentBytes / moment.packs)),
      refusedByWorker: federation?.refused ?? {},
    };
  }

  render(): readonly string[] {
    return renderFleet(this.now());
  }
}

function renderFleet(figures: FleetFigures): readonly string[] {
  const { packs, connected, batchesInFlight, residentBytes, bytesPerPack, stopped } = figures;
  return [
    `packs      ${count(packs)}   connected ${count(connected)}`,
    `entries    ${count(figures.entries)} recorded   ${count(figures.entriesPerSecond)}/s   ${count(figures.durable - figures.witnessed)} without a receipt`,
    `batches    ${count(batchesInFlight)} in flight   ${count(figures.receipts)} receipts   ${count(figures.receiptsPerSecond)}/s`,
    latencyLine(figures),
    `refused    ${refusedOf(figures)}`,
    `memory     ${mebibytes(residentBytes)} grown   ${mebibytes(bytesPerPack)} a pack`,
    ...[...new Set(stopped)].slice(0, 3).map((reason) => `STOPPED    ${reason}`),
  ];
}

export interface FleetSummary extends FleetFigures {
  readonly comparedByteForByte: boolean;
  readonly differences: readonly string[];
}

export function renderFleetSummary(summary: FleetSummary, ok: boolean): readonly string[] {
  const { packs, durable, witnessed, differences, comparedByteForByte, bytesPerPack } = summary;
  return [
    `${count(packs)} packs, ${count(summary.entries)} entries recorded, ${count(summary.receipts)} receipts`,
    latencyLine(summary),
    `refused    ${refusedOf(summary)}`,
    `memory     ${mebibytes(bytesPerPack)} a pack${comparedByteForByte ? ", its share of the federation in this process included" : ""}`,
    witnessed === durable
      ? `Every one of ${count(durable)} entries has its receipt.`
      : `${count(durable - witnessed)} of ${count(durable)} entries have no receipt.`,
    ...(comparedByteForByte && differences.length === 0
      ? ["The federation's copy of every log is equal to it, byte for byte."]
      : differences.map((difference) => `not stored as recorded: ${difference}`)),
    ok ? "OK" : "NOT OK",
  ];
}

function latencyLine(figures: FleetFigures): string {
  const pair = ({ p50, p99 }: Quantiles) => `p50 ${duration(p50)}   p99 ${duration(p99)}`;
  const { entryToReceipt, signedToReceipt, publishToPuback } = figures;
  return `receipt    from the entry ${pair(entryToReceipt)}   from its checkpoint ${pair(signedToReceipt)}   (PUBACK ${pair(publishToPuback)})`;
}

function refusedOf({ refused, refusedByWorker }: FleetFigures): string {
  const worker = Object.entries(refusedByWorker).map(([reason, n]) => `${count(n)} ${reason}`);
  return [
    count(refused),
    ...(worker.length === 0 ? [] : [`by the worker: ${worker.join(", ")}`]),
  ].join("   ");
}

function duration(ms: number | undefined): string {
  if (ms === undefined) return "-";
  return ms < 1000 ? `${ms.toPrecision(3)} ms` : `${(ms / 1000).toPrecision(3)} s`;
}

const mebibytes = (bytes: number) => `${(bytes / 1_048_576).toFixed(2)} MiB`;
