import { type Reading, telemetrySaid } from "@wattseal/energy-ledger";
import type { LinkMessage } from "../links/manager.js";

/** What the meter reads of an accepted telemetry. */
export function readingOf({ time, counter, type, body }: LinkMessage): Reading {
  return { ...telemetrySaid(body), time, counter, type, body };
}
