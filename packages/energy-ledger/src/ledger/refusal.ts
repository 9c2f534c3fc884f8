import { InvariantViolation, messageOf } from "@wattseal/base";
import type { EntryType } from "../entries/entry.js";
import { LedgerError, type LedgerErrorCode } from "../errors.js";

/** What code an error of the injected checks gets. */
const CHECK_CODE: Partial<Record<EntryType, LedgerErrorCode>> = {
  "epoch.begin": "epoch",
  "ops.snapshot": "snapshot",
};

export function requireType(found: string, wanted: string, why: string): void {
  if (found !== wanted) throw new LedgerError("order", `is not ${wanted}: ${why}`);
}

/** The same error, naming the entry. */
export function located(thrown: unknown, index: number, type: EntryType): Error {
  if (thrown instanceof InvariantViolation) {
    const message = `entry ${index} (${type}): ${thrown.message}`;
    return new InvariantViolation(message, { cause: thrown });
  }
  if (thrown instanceof LedgerError) {
    const { code, reason, kind } = thrown;
    return new LedgerError(code, reason, { index, type, kind, cause: thrown });
  }
  const code = CHECK_CODE[type] ?? "authority";
  return new LedgerError(code, messageOf(thrown), { index, type, cause: thrown });
}
