import type { ModuleUid } from "@wattseal/base";
import type { Taken } from "@wattseal/energy-ledger";
import type { LinkMessage } from "../links/manager.js";

/** Where accepted telemetry goes for those who will derive its intervals again. Neither call waits, fails or throws. */
export interface EvidenceSink {
  /** A sealed telemetry that the meter has taken. */
  reading(module: ModuleUid, message: LinkMessage, taken: Taken): void;
  /** The key of a session under which nothing is accepted any more. */
  released(session: Uint8Array, key: Uint8Array): void;
}
