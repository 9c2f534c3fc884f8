/** What both ends of a link take and give. */
import type { Millis, Slot } from "@wattseal/base";
import type { ModulePairing } from "@wattseal/device-keys";
import type { BusState, CanFrame } from "../bus.js";
import type { ModuleMessage, PackMessage, PackOrder } from "../inner/messages.js";
import type { LinkAlarm } from "./alarm.js";

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
  /** Earns exactly one `outcome`. */
  | { readonly kind: "send"; readonly message: PackOrder }
  /** A `transmit` that found no room and will not leave: its very frames. */
  | { readonly kind: "unsent"; readonly frames: readonly CanFrame[] }
  /** The state that heartbeats grant from now on (MODULE_STATE); one is sent at once. */
  | { readonly kind: "max-state"; readonly state: number }
  /**
   * Tells the module the half that is to follow ours, and changes over to it once the module has stored it
   * (`rolled`). The new half is in safe keeping before this is said.
   */
  | { readonly kind: "key-roll"; readonly packHalf: Uint8Array }
  /** What came of the effect `dh` of this id; undefined: its holder did not answer. `shared` is the link's, to wipe. */
  | { readonly kind: "dh"; readonly id: number; readonly shared: Uint8Array | undefined };

export type ModuleLinkEvent =
  | CommonEvent
  | FrameEvent
  | BusEvent
  | { readonly kind: "send"; readonly message: ModuleMessage }
  /** What became of the last `store-pairing`: durable, or not. Only then is the pack's order answered. */
  | { readonly kind: "stored"; readonly durable: boolean };

export type DownReason =
  /** Nothing accepted from the peer for `silenceMs` (4 s at the pack, 11.1 s at the module). */
  | "silent"
  /** The peer is there, and handshakes come to nothing; they go on, spaced out. */
  | "handshake"
  /** What holds the pack's half does not answer; handshakes go on, spaced out. */
  | "custody"
  /** The peer speaks another version of this link protocol. */
  | "version"
  | "bus-off"
  /** This end's host was suspended, or stalled: what it knew of the peer is old. */
  | "asleep"
  /** The pairing was erased at the pack's order: the link is closed for good. */
  | "erased"
  | "closed";

/** Why a message did not leave. */
export type UnsentReason =
  | "no-session"
  /** No telemetry fresh enough for its tick to be carried, for longer than the command stays of use. */
  | "no-tick"
  /** Too many commands wait for that tick, for the wire, or for their outcome. */
  | "queue-full"
  /** The same was asked a moment ago: the answer to that would be taken for the answer to this. */
  | "asked";

/** The module's reason, as its outcome's code gives it. */
export type RefusalReason =
  | "stale"
  /** Not in the module's present state. */
  | "state"
  | "unsupported"
  | "malformed"
  /** Tried, and the hardware did not follow. */
  | "failed"
  /** A code that this version does not know. */
  | "unknown";

export type OrderResult =
  /** By outcome, or by the very message that was asked for. */
  | { readonly kind: "acknowledged" }
  | { readonly kind: "refused"; readonly reason: RefusalReason }
  /** It was given out, and nothing came back in time: whether it was obeyed is not known. */
  | { readonly kind: "timed-out" }
  /** It did not leave. */
  | { readonly kind: "unsent"; readonly reason: UnsentReason };

/**
 * How a PDU waits (FrameScheduler): `latest` takes the place of the one before it of its slot and class that has
 * not begun to leave, as handshake messages always do; `reserved` finds room where others no longer do.
 */
export type Queueing = "latest" | "reserved";

interface Transmit {
  /** Frames for the scheduler, in order, all of one PDU. */
  readonly kind: "transmit";
  readonly class: FrameClass;
  readonly frames: readonly CanFrame[];
  readonly queueing?: Queueing | undefined;
}

/** What a link no longer means of what it gave out: an attempt at a handshake, or PDUs whose keys are gone. */
export type Withdrawn = "handshake" | "sealed";

export interface Accepted<Message> {
  /** One accepted PDU, never told twice. `body` is the recipient's to keep. */
  readonly kind: "message";
  readonly class: PduClass;
  readonly counter: number;
  readonly type: number;
  readonly body: Uint8Array;
  /** On the wire: bytes of ciphertext and tag, and the tag. */
  readonly length: number;
  readonly tag: Uint8Array;
  readonly message: Message;
  /** The handshake hash of the session that opened it. */
  readonly handshakeHash: Uint8Array;
}

interface Linked {
  /** The peer has proven these keys: told before the first message under them. */
  readonly kind: "session";
  readonly handshakeHash: Uint8Array;
  /** Bits of CAPABILITY; of our own at the module. */
  readonly capabilities: number;
}

interface Alarm {
  readonly kind: "alarm";
  readonly alarm: LinkAlarm;
}

/** At the module: go Off. At the pack: show Off and a fault; nothing more comes until the next `session`. Told once. */
interface Down {
  readonly kind: "down";
  readonly reason: DownReason;
}

export type CommonEffect = Transmit | Linked | Alarm | Down;

/** X25519 of the pack's half `half` (its public one) with `peer`, 32 bytes each: to be answered by the event `dh`. */
export interface DhRequest {
  readonly kind: "dh";
  /** Of this link; an answer to an older one is of no use any more. */
  readonly id: number;
  readonly half: Uint8Array;
  readonly peer: Uint8Array;
}

export type PackLinkEffect =
  | CommonEffect
  /** At most one is awaited at a time. */
  | DhRequest
  /** For the scheduler: what waits of this slot, and has not begun to leave, is not to leave any more. */
  | { readonly kind: "withdraw"; readonly slot: Slot; readonly what: Withdrawn }
  | Accepted<ModuleMessage>
  | {
      /** What became of one order: the very object that was sent, once. */
      readonly kind: "outcome";
      readonly order: PackOrder;
      /** The PDU that carried it; undefined when none did. */
      readonly pdu: { readonly class: PduClass; readonly counter: number } | undefined;
      readonly result: OrderResult;
    }
  /**
   * A session that was in use has ended: nothing sealed under it is accepted any more, so the key under which the
   * module sealed (32 bytes) need not stay a secret. Told once for each `session`.
   */
  | {
      readonly kind: "retired";
      readonly handshakeHash: Uint8Array;
      readonly receiveKey: Uint8Array;
    }
  /** The third strike: silent for three times 4 s. Told once until the next `session`; the link goes on trying. */
  | { readonly kind: "lost"; readonly silentMs: number }
  /** The module has proven a session under the pack's new half, and keeps no other. */
  | { readonly kind: "rolled"; readonly packHalf: Uint8Array };

export type ModuleLinkEffect =
  | CommonEffect
  | Accepted<PackMessage>
  | { readonly kind: "unsent"; readonly message: ModuleMessage; readonly reason: UnsentReason }
  /** To be made durable, then answered by the event `stored`. Undefined: forget the pack, keep the half. */
  | { readonly kind: "store-pairing"; readonly pairing: ModulePairing | undefined };

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
  /** At the pack: times 4 s of silence, up to three (lost); at the module always 0. */
  readonly strikes: number;
  readonly counts: LinkCounts;
}

/** A link end without I/O. `Event` in, effects out, in the order in which they are to be carried out. */
export interface Link<Event, Effect> {
  /** What is overdue is done first, so that no frame or order is judged by yesterday's state. */
  handle(event: Event, now: Millis): readonly Effect[];
  /** When `handle({kind: "timer"}, …)` is next due; it changes rarely, not with every frame. */
  readonly deadline: Millis | undefined;
  readonly status: LinkStatus;
}
