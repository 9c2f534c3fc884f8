import type { LctId, Millis, ModuleUid, SyncState } from "@wattseal/base";
import type { BusState, LinkCounts, Telemetry } from "@wattseal/can-protocol";
import type { SocietySummary } from "@wattseal/energy-ledger";
import type { SenderStatus } from "@wattseal/uplink";
import type { Unsigned } from "./ledger/epoch-keeper.js";
import type { LegacyStatus } from "./legacy/clear-bus.js";
import type { ShuntChecks } from "./metering/shunt-check.js";
import type { OrderCounts } from "./orders/desk.js";
import type { PressureStatus } from "./pressure/keeper.js";
import type { ShuntShown } from "./shunt/pack-shunt.js";
import type { WasteStatus } from "./society/books.js";

export interface ModuleStatus {
  readonly uid: ModuleUid;
  readonly authenticated: true;
  readonly slot: number;
  readonly linked: boolean;
  /** Times 4 s of silence, up to three: then it counts as lost. */
  readonly strikes: number;
  /** Fault bits as it last reported them (FAULT). */
  readonly faults: number;
  readonly counts: LinkCounts | undefined;
  readonly telemetry: Telemetry | undefined;
  /** No reading for 2 s: shown as stale, never as live. */
  readonly stale: boolean;
}

/** The pack's shunt. Nothing that it says is authenticated. */
export interface ShuntStatus {
  readonly name: string;
  readonly authenticated: false;
  /** Undefined when it has said nothing for 2 s. */
  readonly shown: ShuntShown | undefined;
  readonly readings: number;
  readonly checks: ShuntChecks;
}

/** One federation that the log is sent to. */
export interface DestinationStatus extends SenderStatus {
  /** Its witness's name. */
  readonly witness: string;
}

export interface GatewayStatus {
  /** Whose log it is. */
  readonly lct: LctId;
  /** As the log has it. */
  readonly time: Millis;
  /** `heldUntil`: UTC was set back, and the log's time stands still until then. */
  readonly utc: SyncState & { readonly heldUntil: Millis | undefined };
  readonly modules: readonly ModuleStatus[];
  /** Modules without a sealed link: nothing that they say is authenticated. */
  readonly legacyModules: readonly LegacyStatus[];
  /** Undefined in a pack without one. */
  readonly shunt: ShuntStatus | undefined;
  readonly entries: number;
  readonly checkpoints: number;
  /** Entries that a quorum of the witnesses has receipted. */
  readonly witnessed: number;
  /** To as many destinations as the quorum asks for. */
  readonly connected: boolean;
  readonly quorum: number;
  /** Each, as configured. */
  readonly destinations: readonly DestinationStatus[];
  readonly society: SocietySummary;
  /** What of it was lost to age, where an operator should look. */
  readonly waste: WasteStatus;
  /** mWh of record, gross, over the whole log. */
  readonly energy: { readonly inMwh: number; readonly outMwh: number };
  /** Modules may close their relays only after `allow`. */
  readonly isolated: boolean;
  /** Orders that came over the uplinks. */
  readonly orders: OrderCounts;
  /** Frames on the bus that belong to no paired slot. */
  readonly foreignFrames: number;
  readonly busState: BusState;
  readonly refusedEntries: number;
  /** Of the disk; undefined where nobody watches it, or has looked yet. */
  readonly storage: PressureStatus | undefined;
  /** UTC minutes of an interval: 1, or more where there is no room. */
  readonly resolution: number;
  readonly stopped: string | undefined;
  /** Nobody signs: since when, and why. */
  readonly unsigned: Unsigned | undefined;
  /** Why what holds the pack's device half does not answer; undefined while it does. */
  readonly halfAway: string | undefined;
}
