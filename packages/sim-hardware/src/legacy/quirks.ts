import type { ModuleUid } from "@wattseal/base";

/** How a simulated clear-text module departs from its documents, as modules in the field do. */
export interface SimLegacyQuirks {
  /** Sends status, SOC and SOH as 0. */
  readonly zeros?: boolean;
  /** Answers for cells other than the one asked for, twice, beyond its last, or not at all. */
  readonly erraticCells?: boolean;
  /** Bytes of the state change that it takes. Public module firmware: 2. */
  readonly stateChangeBytes?: 2 | 4;
  /** Sends voltage before current in status 1, as header comments have it. */
  readonly swapped?: boolean;
  /** Registers, and then answers nothing. */
  readonly silent?: boolean;
  /** Sends every other log frame with a wrong CRC. */
  readonly badLogs?: boolean;
}

/** One clear-text module beside the paired ones. */
export interface SimLegacyModule {
  /** mfg ‖ part ‖ 0 ‖ 0 ‖ unique id u32le, as a registration names it. */
  readonly uid: ModuleUid;
  readonly quirks?: SimLegacyQuirks;
}
