/** Folds as rows, the same in every database. */
import { messageOf } from "@wattseal/base";
import { packName } from "@wattseal/uplink";
import { FederationError } from "../errors.js";
import {
  ENERGY_KINDS,
  type EnergySum,
  energyOf,
  type FoldSummary,
  foldSummary,
  SPANS,
} from "../folds/growth.js";
import type { StoredFold } from "../folds/port.js";
import { integer, type Row, text, textOrNone } from "./row.js";

export const FOLD_COLUMNS = "name, fold_version, fold_size, summary";
export const ENERGY_COLUMNS = ENERGY_KINDS.flatMap((kind) => [`${kind}_in`, `${kind}_out`]);

export function storedFold(row: Row): StoredFold {
  const summary = textOrNone(row, "summary");
  return {
    pack: packName(text(row, "name")),
    version: integer(row, "fold_version"),
    size: integer(row, "fold_size"),
    summary: summary === undefined ? undefined : summaryOf(summary),
  };
}

function summaryOf(json: string): FoldSummary {
  try {
    return foldSummary.parse(JSON.parse(json));
  } catch (cause) {
    throw new FederationError("store-corrupt", `a pack's summary: ${messageOf(cause)}`, { cause });
  }
}

/** In the order of ENERGY_COLUMNS. */
export function energyValues({ energy }: EnergySum): number[] {
  return ENERGY_KINDS.flatMap((kind) => [energy[kind].in, energy[kind].out]);
}

export function energyFrom(row: Row, span: EnergySum["span"]): EnergySum {
  return {
    span,
    start: integer(row, "start"),
    energy: energyOf((kind) => ({
      in: integer(row, `${kind}_in`),
      out: integer(row, `${kind}_out`),
    })),
  };
}

/** As the column `span` has it. */
export function spanMs({ span }: Pick<EnergySum, "span">): number {
  return SPANS[span];
}

/** Bits that are in all of them. */
export function sharedBits(all: readonly Uint8Array[]): Uint8Array {
  const [first = new Uint8Array(0), ...others] = all;
  return first.map((byte, i) => others.reduce((left, bits) => left & (bits[i] ?? 0), byte));
}
