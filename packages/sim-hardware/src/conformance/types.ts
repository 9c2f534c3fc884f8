/** What the bench is made with, and what it keeps of the module. */
import type { ModuleUid } from "@wattseal/base";
import type { ModuleMessage, PduClass } from "@wattseal/can-protocol";
import type { DeviceCustody, KkInitiator } from "@wattseal/device-keys";
import type { WireFault } from "./ear.js";
import type { TestSession } from "./session.js";

/** Both ends' keys of one pairing: for benches. */
export interface BenchPairing {
  readonly packHash: Uint8Array;
  /** The pack's half, secret. */
  readonly packHalf: DeviceCustody;
  readonly module: {
    readonly uid: ModuleUid;
    readonly slot: number;
    readonly busId: number;
    /** Public. */
    readonly half: Uint8Array;
  };
  /** The federation's half, secret: without it, counter statements are not checked. */
  readonly federationHalf?: DeviceCustody;
}

/** One PDU of the module, opened. */
export interface Heard {
  readonly at: number;
  readonly class: PduClass;
  readonly session: TestSession;
  readonly counter: number;
  readonly type: number;
  readonly body: Uint8Array;
  /** Undefined when it is no message of a module. */
  readonly message: ModuleMessage | undefined;
}

export interface Hello {
  readonly at: number;
  readonly bits: number;
  readonly uid: string;
}

export interface Message2 {
  readonly at: number;
  readonly bits: number;
  readonly bytes: Uint8Array;
  /** Undefined when it does not authenticate, or answers no message 1 of ours. */
  readonly session: TestSession | undefined;
}

export type PassivePoint =
  | WireFault
  | "pdu.sealed"
  | "pdu.length"
  | "pdu.padding"
  | "pdu.counters"
  | "pdu.types"
  | "telemetry.layout";

/** How one message 1 is made; by default, rightly. */
export interface HandshakePlan {
  readonly packHash?: Uint8Array;
  readonly uid?: ModuleUid;
  readonly slot?: number;
  readonly busId?: number;
  readonly packHalf?: DeviceCustody;
  /** Of an earlier offer: the same message 1 again. */
  readonly ephemeral?: Uint8Array;
  readonly bits?: number;
}

export interface Offer {
  readonly message1: Uint8Array;
  readonly bits: number;
  /** When its last frame had left. */
  readonly at: number;
  /** How many messages 2 had come before. */
  readonly from: number;
  readonly initiator: KkInitiator;
  /** The pack's half that it was made under. */
  readonly half: DeviceCustody;
  /** Makes the same message 1 again. */
  readonly ephemeral: Uint8Array;
}

export type HeardOf<K extends ModuleMessage["kind"]> = Heard & {
  readonly message: Extract<ModuleMessage, { readonly kind: K }>;
};

export function isHeardOf<K extends ModuleMessage["kind"]>(
  heard: Heard,
  kind: K,
): heard is HeardOf<K> {
  return heard.message?.kind === kind;
}
