import { type Logger, messageOf } from "@wattseal/base";
import type { EnergyLog } from "./energy-log.js";
import type { StatementDraft } from "./entered.js";

/**
 * Enters what the log does not have yet of the authority's statements. One that the rules refuse now (its source is
 * proven in a future that a clock without a battery has not reached, the society is closed) is told, and asked for again
 * at the next start: energy is recorded meanwhile. Throws GatewayError `ledger-stopped`.
 */
export async function enterStatements(
  log: EnergyLog,
  statements: readonly StatementDraft[],
  logger: Logger,
): Promise<void> {
  for (const draft of log.entered.missingStatements(statements)) {
    try {
      await log.append(draft);
    } catch (error) {
      if (log.stopped !== undefined) throw log.stopped;
      logger.error("ledger.statement-refused", { type: draft.type, error: messageOf(error) });
    }
  }
}
