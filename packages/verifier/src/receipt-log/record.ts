/** One leaf of a federation's receipt log: a receipt, and what was checked before it was given (docs/receipt-log.md). */
import { type Bounds, decodeCbor, encodeCbor, Fields, MAX_ENTRY_LENGTH } from "@wattseal/base";

/**
 * Why a module's counter statement does not hold. `forged`: the module did not write it. `contradicted`: the module's
 * counters are not what the log says of it, or it had said something newer before.
 */
export const STATEMENT_FAULTS = ["forged", "contradicted"] as const;
export type StatementFault = (typeof STATEMENT_FAULTS)[number];

/** What became of the counter statements among the entries that a receipt newly covers. */
export interface CheckedStatements {
  /** Written by their modules, and not contradicted by the log so far. */
  readonly held: number;
  /** Of modules whose public half, or the secret half to check them with, this federation does not have. */
  readonly unchecked: number;
  readonly wrong: number;
  /** Of the wrong ones the first `MAX_WRONG`: index of the energy.statement. */
  readonly faults: readonly { readonly index: number; readonly fault: StatementFault }[];
}

export interface ReceiptRecord {
  /** The receipt as it was given: the pack's signed head, cosigned. */
  readonly receipt: string;
  /** Entries that the pack's receipt before this one covers; those from there on were checked for this one. */
  readonly first: number;
  readonly statements: CheckedStatements;
}

export const NO_STATEMENTS: CheckedStatements = { held: 0, unchecked: 0, wrong: 0, faults: [] };
export const MAX_WRONG = 64;

const FORMAT = "wattseal-receipt-1";
const WHAT = "receipt record";
const COUNT: Bounds = { least: 0, most: Number.MAX_SAFE_INTEGER };

/** Deterministic CBOR: `[format, receipt, first, [held, unchecked, wrong, [[index, fault]…]]]`. */
export function encodeReceiptRecord({ receipt, first, statements }: ReceiptRecord): Uint8Array {
  const { held, unchecked, wrong, faults } = statements;
  const listed = faults.slice(0, MAX_WRONG).map(({ index, fault }) => [index, fault]);
  return encodeCbor([FORMAT, receipt, first, [held, unchecked, wrong, listed]]);
}

/** The note in it is not parsed. Throws DecodeError. */
export function decodeReceiptRecord(bytes: Uint8Array): ReceiptRecord {
  const fields = new Fields(decodeCbor(bytes, { what: WHAT }), WHAT, 4);
  fields.oneOf(0, "format", [FORMAT]);
  const statements = new Fields(fields.value(3), `${WHAT}, statements`, 4);
  const faults = new Fields(statements.value(3), `${WHAT}, faults`, { least: 0, most: MAX_WRONG });
  return {
    receipt: fields.text(1, "receipt", { least: 1, most: MAX_ENTRY_LENGTH }),
    first: fields.integer(2, "first", COUNT),
    statements: {
      held: statements.integer(0, "held", COUNT),
      unchecked: statements.integer(1, "unchecked", COUNT),
      wrong: statements.integer(2, "wrong", { least: faults.length, most: COUNT.most }),
      faults: faults.each((i) => {
        const fault = new Fields(faults.value(i), `${WHAT}, fault ${i}`, 2);
        return {
          index: fault.integer(0, "index", COUNT),
          fault: fault.oneOf(1, "fault", STATEMENT_FAULTS),
        };
      }),
    },
  };
}
