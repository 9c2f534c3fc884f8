import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { messageOf, toBase64 } from "@wattseal/base";
import { OPERATIONS } from "../control/operations.js";
import { CliError } from "../errors.js";
import { renderSociety } from "../view/society.js";
import { utc, wattHours } from "../view/units.js";
import { type ControlOptions, order } from "./control.js";

/** `wattseal society show`. */
export function showSociety(options: ControlOptions): Promise<number> {
  return order(options, OPERATIONS.society, {}, renderSociety);
}

/** `wattseal society reserve`. */
export function reserve(
  amountMwh: number,
  options: ControlOptions & {
    readonly worker: string;
    readonly task: string;
    readonly order?: string;
  },
): Promise<number> {
  const { worker, task, order: orderSha256 } = options;
  const body = { amountMwh, worker, task, orderSha256 };
  return order(options, OPERATIONS.reserve, body, ({ ticket, deadline }) => [
    `ticket ${ticket}: ${wattHours(amountMwh)} reserved for ${worker}`,
    `Commit it, or roll it back, before ${utc(deadline)} UTC (pack time): then it is rolled back by itself.`,
  ]);
}

/** `wattseal society commit`. */
export function commit(
  ticket: number,
  amountMwh: number | undefined,
  options: ControlOptions & { readonly quality: number; readonly proof?: string },
): Promise<number> {
  const { quality: qualityBps, proof: proofSha256 } = options;
  const body = { ticket, amountMwh, qualityBps, proofSha256 };
  return order(options, OPERATIONS.commit, body, ({ entry, worker, reputationMwh }) => [
    `entry ${entry}: ticket ${ticket} is committed; ${worker} earned ${wattHours(reputationMwh)} of reputation`,
  ]);
}

/** `wattseal society rollback`. */
export function rollback(ticket: number, options: ControlOptions): Promise<number> {
  return order(options, OPERATIONS.rollback, { ticket }, ({ entry, returnedMwh, wastedMwh }) => [
    `entry ${entry}: ticket ${ticket} is rolled back; ${wattHours(returnedMwh)} returned, ${wattHours(wastedMwh)} had expired`,
  ]);
}

/** `wattseal society certify`. */
export function certify(
  amountMwh: number,
  options: ControlOptions & {
    readonly by: string;
    readonly certifier: string;
    readonly proof?: string;
  },
): Promise<number> {
  const { by, certifier, proof: proofSha256 } = options;
  const body = { amountMwh, by, certifier, proofSha256 };
  return order(options, OPERATIONS.certify, body, ({ entry }) => [
    `entry ${entry}: ${wattHours(amountMwh)} of what was withheld are lots now`,
  ]);
}

/** `wattseal society escrow`. */
export function escrow(
  amountMwh: number,
  options: ControlOptions & {
    readonly buyer: string;
    readonly witness: string;
    readonly rate: number;
    readonly fee?: number;
    readonly within: number;
  },
): Promise<number> {
  const { buyer, witness, rate: rateBps, fee: feeMwh, within: withinMs } = options;
  const body = { amountMwh, buyer, witness, rateBps, feeMwh, withinMs };
  return order(options, OPERATIONS.escrow, body, ({ ticket, trade, decideBy, expires }) => [
    `ticket ${ticket}: ${wattHours(amountMwh)} kept for ${buyer}`,
    `trade  ${trade}`,
    `Give the witness its proof before ${utc(decideBy)} UTC (pack time): wattseal prove ${ticket}`,
    `Without a decision it lapses at ${utc(expires)} UTC: then the energy counts as sold.`,
  ]);
}

/** `wattseal society report`. */
export function reportWork(
  ticket: number,
  amountMwh: number | undefined,
  options: ControlOptions & {
    readonly parent: string;
    readonly quality: number;
    readonly proof?: string;
  },
): Promise<number> {
  const { parent, quality: qualityBps, proof: proofSha256 } = options;
  const body = { ticket, parent, amountMwh, qualityBps, proofSha256 };
  return order(options, OPERATIONS.report, body, ({ entry, expires, ...done }) => [
    `entry ${entry}: ${wattHours(done.amountMwh)} of ticket ${ticket} are reported to ${parent}`,
    `${done.worker} earned ${wattHours(done.reputationMwh)} of reputation; the parent can record it until ${utc(expires)} UTC`,
  ]);
}

/** `wattseal society settle`. */
export async function settle(file: string, options: ControlOptions): Promise<number> {
  const bytes = await readFile(resolve(file)).catch((cause: unknown) => {
    throw new CliError("usage", `${file} cannot be read: ${messageOf(cause)}`, { cause });
  });
  const body = { proof: toBase64(bytes) };
  return await order(options, OPERATIONS.settle, body, ({ entry, type }) => [
    `entry ${entry}: ${type === "society.trade" ? "the trade has ended here" : "the work is charged here"}`,
  ]);
}

/** `wattseal ledger resolve`. */
export function resolveInterval(
  interval: number,
  decision: string,
  options: ControlOptions & { readonly evidence: string; readonly reason: string },
): Promise<number> {
  const { evidence, reason } = options;
  const body = { interval, decision, evidence, reason };
  return order(options, OPERATIONS.resolve, body, ({ entry }) => [
    decision === "accept"
      ? `entry ${entry}: what interval ${interval} took in joins the next window`
      : `entry ${entry}: what interval ${interval} took in never counts`,
  ]);
}
