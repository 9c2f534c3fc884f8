/** What the pack's side of the clear-text modules takes and gives. */
import type { Millis, ModuleUid, Slot } from "@wattseal/base";
import type { BusState, CanFrame } from "../bus.js";
import type { ClearValues } from "../catalogue/frames.js";

/** How one module departs from the rest. */
export interface LegacyQuirks {
  /** Bytes of the state change that it takes; without it both are tried in turn, and the one that worked is kept. */
  readonly stateChangeBytes?: 2 | 4;
  /** Sends voltage before current in status 1, as header comments have it; deployed firmware does not. */
  readonly swapped?: boolean;
}

/** A module that may be registered. Others that announce themselves are not. */
export interface LegacyModule {
  readonly uid: ModuleUid;
  readonly quirks?: LegacyQuirks;
}

/** A module that is paired, hence never spoken to in clear. */
export interface SecuredModule {
  readonly uid: ModuleUid;
  readonly slot: Slot;
}

/** Times in milliseconds. Defaults: LEGACY_LIMITS. */
export interface LegacyLimits {
  readonly announceMs: number;
  /** One module is asked each, in turn; everything else is looked after at the same pace. */
  readonly pollMs: number;
  readonly heartbeatMs: number;
  /** A status asked for is expected within. */
  readonly answerMs: number;
  /** Until a state change, or a registration nothing was heard after, is repeated. */
  readonly retryMs: number;
  /** Silence that counts as a strike; the third deregisters. */
  readonly strikeMs: number;
  /** Until the next cell is asked for. */
  readonly cellMs: number;
  /** Between two frames of a log transfer. */
  readonly segmentMs: number;
  /** Least time between two alarms of one kind about one slot. */
  readonly alarmSpacingMs: number;
}

export interface LegacyPackOptions {
  /** Up to 31, less the paired ones. */
  readonly modules: readonly LegacyModule[];
  readonly secured: readonly SecuredModule[];
  /** The number of this pack controller in frames that name one. */
  readonly controller?: number;
  /** Granted by heartbeats until an event says otherwise (MODULE_STATE, default off). */
  readonly maxState?: number;
  /** The time that modules are told can be relied on. */
  readonly timeValid?: boolean;
  readonly limits?: Partial<LegacyLimits>;
}

/** Asks for the last log frame, whichever it is. */
export const LAST_LOG_FRAME = 0xffffffff;

export type LegacyPackEvent =
  /** `open` isolates and deregisters whatever an earlier controller left, as deployed packs do at power-up. */
  | { readonly kind: "open" | "timer" | "close" }
  | { readonly kind: "frame"; readonly frame: CanFrame }
  | { readonly kind: "bus"; readonly state: BusState }
  | { readonly kind: "max-state"; readonly state: number }
  /** Stands until the next one; `hvBusVoltage` in V, 0 when it is not known. */
  | {
      readonly kind: "order";
      readonly uid: ModuleUid;
      readonly state: number;
      readonly hvBusVoltage?: number;
    }
  /** All modules Off at once; the highest state granted is Off until `max-state`. */
  | { readonly kind: "isolate" }
  /** One module, or all; it stays so until `admit`. */
  | { readonly kind: "deregister"; readonly uid?: ModuleUid }
  | { readonly kind: "admit"; readonly uid: ModuleUid }
  | { readonly kind: "hardware" | "cells"; readonly uid: ModuleUid }
  | { readonly kind: "log-frame"; readonly uid: ModuleUid; readonly counter: number }
  /** Tells the time to all, unasked. */
  | { readonly kind: "time" };

/** On everything that came in clear: anyone on the bus may have said it. */
interface FromModule {
  readonly uid: ModuleUid;
  readonly slot: Slot;
  readonly authenticated: false;
}

export type NotTold = "status" | "soc" | "soh";

export interface LegacyReading extends FromModule {
  readonly kind: "reading";
  /** When status 1, with current and voltage, came. */
  readonly at: Millis;
  readonly status1: ClearValues<"status1">;
  /** As told last; undefined when never. */
  readonly status2: ClearValues<"status2"> | undefined;
  readonly status3: ClearValues<"status3"> | undefined;
  /** Status 1, 2, 3 as on the bus, 8 bytes each, current before voltage; zeros where never told. */
  readonly body: Uint8Array;
  /** Fields that hold a zero which cannot be meant: firmware in the field sends it for "unknown". */
  readonly notTold: readonly NotTold[];
}

export type TransferFailure =
  /** It never began, or stopped half-way. */
  | "timeout"
  /** Segments are missing. */
  | "segments"
  | "crc"
  /** Another frame or length than asked for. */
  | "start"
  /** The module is not registered, or has a transfer waiting already. */
  | "refused";

export type LegacyEvent = { readonly uid: ModuleUid } & (
  | { readonly kind: "registered"; readonly slot: Slot; readonly fw: number }
  | {
      readonly kind: "deregistered";
      /** `silent`: three strikes. `restarted`: it announced itself anew. `lost`: it never answered its registration. */
      readonly reason: "silent" | "restarted" | "lost" | "ordered" | "closed";
    }
  /** Silent for a strike: it is ordered Off, and what it said before is stale. */
  | { readonly kind: "comms-fault"; readonly strikes: number }
  | { readonly kind: "comms-restored" }
  /** No complete status within the time, or none at all. */
  | { readonly kind: "status-late" }
  | { readonly kind: "state-reached"; readonly state: number }
  /** Ordered several times; the orders go on. */
  | { readonly kind: "state-unreached"; readonly state: number; readonly reported: number }
  /** Its voltage fits the sum of its cells only with current and voltage exchanged: see LegacyQuirks.swapped. */
  | { readonly kind: "looks-swapped" }
  /** No module id is free. */
  | { readonly kind: "no-slot" }
  | {
      readonly kind: "transfer-failed";
      readonly counter: number;
      readonly reason: TransferFailure;
    }
);

/**
 * Clear frames that should not be there. `suppressed`: how many of this kind, about this slot, it stands for beside
 * itself.
 */
export type ClearAlarm = { readonly suppressed: number } & RaisedClearAlarm;
export type RaisedClearAlarm =
  /** Bears the slot of a paired module, which never speaks in clear. */
  | { readonly kind: "clear-paired-slot"; readonly slot: Slot; readonly base: number }
  /** An announcement, or a registration, with the unique id of a paired module. */
  | { readonly kind: "clear-paired-uid"; readonly uid: ModuleUid; readonly base: number }
  /** A frame that only a pack controller sends, and we did not. */
  | { readonly kind: "clear-controller"; readonly base: number }
  /** A module that is not listed, or an id that we have not given. */
  | {
      readonly kind: "clear-foreign";
      readonly base: number;
      readonly uid: ModuleUid | undefined;
      readonly slot: Slot | undefined;
    }
  /** A length or an address that its frame never has. */
  | { readonly kind: "clear-malformed"; readonly base: number };

export type LegacyPackEffect =
  | { readonly kind: "transmit"; readonly frame: CanFrame }
  | LegacyReading
  | (FromModule & { readonly kind: "hardware"; readonly hardware: ClearValues<"hardware"> })
  | (FromModule & { readonly kind: "cell"; readonly cell: ClearValues<"cellDetail"> })
  /** A round of cells is over. */
  | (FromModule & { readonly kind: "cells"; readonly told: number; readonly missing: number })
  | (FromModule & { readonly kind: "cell-comms"; readonly comms: ClearValues<"cellComms"> })
  /** A whole log frame whose CRC fits: intact, not authentic. */
  | (FromModule & {
      readonly kind: "log-frame";
      readonly counter: number;
      readonly data: Uint8Array;
    })
  | { readonly kind: "event"; readonly event: LegacyEvent }
  | { readonly kind: "alarm"; readonly alarm: ClearAlarm };

export interface LegacyModuleStatus {
  readonly uid: ModuleUid;
  readonly phase: string;
  /** While registered. */
  readonly slot: Slot | undefined;
  /** As told last (MODULE_STATE); undefined when not heard since its registration. */
  readonly state: number | undefined;
  readonly lastHeard: Millis | undefined;
  readonly readings: number;
}
