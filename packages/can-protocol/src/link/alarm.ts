/** Things that a healthy bus does not show. */
import type { Slot } from "@wattseal/base";
import type { FrameClass, PduClass } from "./types.js";

/** `suppressed`: how many of this kind, since the last one told, this one stands for beside itself. */
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
  | { readonly kind: "own-identifier"; readonly class: FrameClass; readonly id: number }
  /** A handshake message that does not authenticate, or that nobody asked for. */
  | {
      readonly kind: "bad-handshake";
      readonly message: 1 | 2;
      readonly reason: BadHandshake;
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

export type BadHandshake =
  /** It does not authenticate. */
  | "refused"
  /** Message 2 of no attempt in progress. */
  | "unexpected"
  | "length"
  /** More in a second than this end works through. */
  | "too-many";

export type BrokenReason =
  /** A segment out of order, or of another PDU. */
  | "order"
  /** More than 200 ms between segments. */
  | "timeout"
  /** A new PDU began before the last one ended. */
  | "interrupted"
  /** A segment not filled, beyond 4 KiB in all, or fewer bytes than a header and a tag. */
  | "length";
