import type { Millis } from "@wattseal/base";
import type { OpsLoss } from "../entries/lifecycle.js";
import { LedgerError } from "../errors.js";
import { AHEAD } from "./modules.js";

/** What is lost was there before its entry. */
export function checkLoss({ from, until }: OpsLoss, now: Millis): void {
  if (from > until) throw new LedgerError("time", "what it says is lost ends before it begins");
  if (until > now + AHEAD) {
    throw new LedgerError(
      "time",
      `what it says is lost ends at ${until}, after its entry's ${now}`,
    );
  }
}
