/** What both ends of a link take and give. */
import type { Entropy, Millis, ModuleUid, Slot } from "@wattseal/base";
import type { DeviceCustody, ModulePairing } from "@wattseal/device-keys";
import type { BusState, CanFrame } from "../bus.js";
import type { ModuleMessage, PackMessage, PackOrder } from "../inner/messages.js";

/** Classes of sealed PDUs, each with counters of its own. */
export type PduClass = "urgent" | "normal" | "bulk";
/** Everything a sender queues; urgent leaves first. */
export type FrameClass = PduClass | "handshake";

/** `open` starts the link, `timer` is the driver's alarm for `deadline` (harmless when early), `close` ends it for good. */
interface CommonEvent {
  readonly kind: "open" | "timer" | "close";
}
interface FrameEvent {
  readonly kind: "frame";
  readonly frame: CanFrame;
}
interface BusEvent {
  readonly kind: "bus";
  readonly state: BusState;
}

export type PackLinkEvent =
  | CommonEvent
  | FrameEvent
  | BusEvent
  | { readonly kind: "send"; readonly message: PackOrder }
  /** The state that heartbeats grant from now on (MODULE_STATE); one is sent at once. */
  | { readonly kind: "max-state"; readonly state: number };

export type ModuleLinkEvent =
  | CommonEvent
  | FrameEvent
  | BusEvent
  | { readonly kind: "send"; readonly message: ModuleMessage };

export type DownReason =
  /** Nothing accepted from the peer for `silenceMs` (4 s at the pack, 11.1 s at the module). */
  | "silent"
  /** Several handshakes in a row came to nothing; they go on, spaced out. */
  | "handshake"
  /** The peer speaks another version of this link protocol. */
  | "version"
  | "bus-off"
  | "closed";

/** Things that a healthy bus does not show. `suppressed`: how many of this kind went unreported since the last one. */
export type LinkAlarm = { readonly slot: Slot; readonly suppressed: number } & (
  | {
      /** A PDU that no session opens: injected, altered, replayed, or from beyond 63 lost ones. */
      readonly kind: "tag-failure";
      readonly class: PduClass;
      /** The counter it would have had to carry. */
      readonly candidate: number;
    }
  | {
      /** Segments that do not make a PDU. */
      readonly kind: "broken-pdu";
      readonly class: FrameClass;
      readonly counterBits: number;
      readonly reason: BrokenReason;
    }
  /** A frame under our own sending identifiers that we did not send. */
  | { readonly kind: "impersonation"; readonly class: FrameClass; readonly id: number }
  /** A handshake message that does not authenticate, or that nobody asked for. */
  | {
      readonly kind: "bad-handshake";
      readonly message: 1 | 2;
      readonly reason: "refused" | "unexpected" | "length" | "too-many";
    }
  /** A hello of a module that is not the one paired with this slot. */
  | { readonly kind: "foreign-hello"; readonly uid: string }
  /** Authentic, but not a message that this side takes in this class. */
  | {
      readonly kind: "refused-message";
      readonly class: PduClass;
      readonly counter: number;
      readonly type: number;
      readonly problem: string;
    }
  /** An authentic command that came too late to be obeyed, `ageMs` behind the module's tick (negative: ahead). */
  | {
      readonly kind: "stale-command";
      readonly class: PduClass;
      readonly counter: number;
      readonly type: number;
      readonly ageMs: number;
    }
);

export type BrokenReason =
  /** A segment out of order, or of another PDU. */
  | "order"
  /** More than 200 ms between segments. */
  | "timeout"
  /** A new PDU began before the last one ended. */
  | "interrupted"
  /** A segment not filled, beyond 4 KiB in all, or fewer bytes than a header and a tag. */
  | "length";

/** Why a message did not leave; nothing sealed is ever dropped without one. */
export type UnsentReason =
  | "no-session"
  /** No telemetry yet whose tick a command could carry, for longer than the command stays of use. */
  | "no-tick"
  /** Too many commands wait for that tick. */
  | "queue-full";

/** `Received` is what this end takes, `Sent` what it sends. */
export type LinkEffect<Received, Sent> =
  /** Frames for the scheduler, in order, all of one PDU. */
  | { readonly kind: "transmit"; readonly class: FrameClass; readonly frames: readonly CanFrame[] }
  /** One accepted PDU, never told twice. `body` is the recipient's to keep. */
  | {
      readonly kind: "message";
      readonly class: PduClass;
      readonly counter: number;
      readonly type: number;
      readonly body: Uint8Array;
      readonly message: Received;
      /** The handshake hash of the session that opened it. */
      readonly handshakeHash: Uint8Array;
    }
  /** The peer has proven these keys: told before the first message under them. */
  | {
      readonly kind: "session";
      readonly handshakeHash: Uint8Array;
      /** Bits of CAPABILITY; of our own at the module. */
      readonly capabilities: number;
    }
  | { readonly kind: "alarm"; readonly alarm: LinkAlarm }
  | { readonly kind: "unsent"; readonly message: Sent; readonly reason: UnsentReason }
  /** At the module: go Off (`silent`). At the pack: nothing more comes until the next `session`. Told once. */
  | { readonly kind: "down"; readonly reason: DownReason };

export type PackLinkEffect = LinkEffect<ModuleMessage, PackOrder>;
export type ModuleLinkEffect = LinkEffect<PackMessage, ModuleMessage>;

export interface LinkCounts {
  /** Sealed PDUs given out for transmission. */
  readonly sent: number;
  /** PDUs opened and taken. */
  readonly accepted: number;
  /** PDUs refused: tag, broken, malformed, stale. */
  readonly rejected: number;
  /** Repetitions that CAN itself, or a replay of the last PDU, brought: ignored in silence. */
  readonly duplicates: number;
  readonly handshakes: number;
}

export interface LinkStatus {
  /** The handshake machine's state. */
  readonly phase: string;
  /** A session that the peer has proven. */
  readonly linked: boolean;
  readonly handshakeHash: Uint8Array | undefined;
  readonly lastAccepted: Millis | undefined;
  readonly counts: LinkCounts;
}

/** Times in milliseconds. Defaults: DEFAULT_LIMITS. */
export interface LinkLimits {
  /** Message 2 awaited, and after it the first PDU under the new keys. */
  readonly answerMs: number;
  readonly proofMs: number;
  /** Least time between two attempts, and the first step of the back-off. */
  readonly spacingMs: number;
  readonly backoffMaxMs: number;
  readonly attemptsPerMinute: number;
  /** A new handshake after this many PDUs in one class and direction, or this age. */
  readonly sessionPdus: number;
  readonly sessionAgeMs: number;
  /** How long keys live on after their successor was proven. */
  readonly overlapMs: number;
  readonly heartbeatMs: number;
  /** Age up to which a module obeys. */
  readonly freshnessMs: number;
  readonly packSilenceMs: number;
  readonly moduleSilenceMs: number;
  /** Least time between two alarms of one kind. */
  readonly alarmSpacingMs: number;
}

export interface PackLinkOptions {
  readonly packHash: Uint8Array;
  readonly module: {
    readonly uid: ModuleUid;
    readonly slot: Slot;
    readonly busId: number;
    readonly half: Uint8Array;
  };
  /** Holds the pack half; outlives the link. */
  readonly custody: DeviceCustody;
  readonly entropy: Entropy;
  /** Send FD frames: only on a bus configured as having no classic-only node. */
  readonly fd: boolean;
  /** Granted by heartbeats until an event says otherwise (MODULE_STATE, default off). */
  readonly maxState?: number;
  readonly limits?: Partial<LinkLimits>;
}

export interface ModuleLinkOptions {
  readonly uid: ModuleUid;
  readonly pairing: ModulePairing;
  /** Holds the module half; outlives the link. */
  readonly custody: DeviceCustody;
  readonly entropy: Entropy;
  readonly fd: boolean;
  /** When this start of the module was: tick 0. */
  readonly bootedAt: Millis;
  /** Bits of CAPABILITY. */
  readonly capabilities: number;
  readonly limits?: Partial<LinkLimits>;
}

/** A link end without I/O. `Event` in, effects out, in the order in which they are to be carried out. */
export interface Link<Event, Effect> {
  handle(event: Event, now: Millis): readonly Effect[];
  /** When `handle({kind: "timer"}, …)` is next due; it changes rarely, not with every frame. */
  readonly deadline: Millis | undefined;
  readonly status: LinkStatus;
}
