import { bytesEqual } from "@wattseal/base";
import type { DeviceCustody, ModulePairing } from "@wattseal/device-keys";
import { CAPABILITY, type Erase, type KeyRoll, OUTCOME } from "../inner/messages.js";
import { type AcceptedPdu, attempt } from "./link-end.js";
import type { ModuleLinkEffect } from "./types.js";

interface Storing {
  readonly pairing: ModulePairing | undefined;
  /** The order to be answered. */
  readonly pdu: AcceptedPdu | undefined;
}

/** What became of the last `store-pairing`. */
export interface Stored {
  /** The pairing is gone, durably. */
  readonly erased: boolean;
  /** The order that called for it, and what to answer: a code of OUTCOME. */
  readonly pdu: AcceptedPdu | undefined;
  readonly code: number;
}

/**
 * The module's pairing through key-roll and erase. A next half is known from when it is durable, and the old one
 * kept until a session under the next has proven that the pack can use it: whenever power fails, one of the
 * halves on record is the pack's.
 */
export class ModuleKeeper {
  readonly #custody: DeviceCustody;
  readonly #capabilities: number;
  readonly #tell: (effect: ModuleLinkEffect) => void;
  #pairing: ModulePairing;
  #storing: Storing | undefined;

  constructor(
    options: {
      readonly pairing: ModulePairing;
      readonly custody: DeviceCustody;
      readonly capabilities: number;
    },
    tell: (effect: ModuleLinkEffect) => void,
  ) {
    this.#pairing = options.pairing;
    this.#custody = options.custody;
    this.#capabilities = options.capabilities;
    this.#tell = tell;
  }

  /** Whose messages 1 are answered, the one in use first. */
  get packHalves(): readonly Uint8Array[] {
    const { packHalf, nextPackHalf } = this.#pairing;
    return nextPackHalf === undefined ? [packHalf] : [packHalf, nextPackHalf];
  }

  /** A fresh order of the pack. Returns the code to answer at once; undefined: it is answered when stored. */
  obey(order: KeyRoll | Erase, pdu: AcceptedPdu): number | undefined {
    if (this.#storing !== undefined) return OUTCOME.refused;
    if (order.kind === "erase") {
      this.#store(undefined, pdu);
      return undefined;
    }
    const { packHalf: next } = order;
    if ((this.#capabilities & CAPABILITY.keyRoll) === 0) return OUTCOME.unsupported;
    if (!this.#isUsable(next)) return OUTCOME.malformed;
    if (this.packHalves.some((half) => bytesEqual(half, next))) return OUTCOME.done;
    this.#store({ ...this.#pairing, nextPackHalf: next }, pdu);
    return undefined;
  }

  /** A session under `packHalf` is proven: if that is the next half, the old one goes. */
  proven(packHalf: Uint8Array): void {
    const { nextPackHalf, ...rest } = this.#pairing;
    if (nextPackHalf === undefined || this.#storing !== undefined) return;
    if (bytesEqual(packHalf, nextPackHalf)) this.#store({ ...rest, packHalf }, undefined);
  }

  stored(durable: boolean): Stored | undefined {
    const storing = this.#storing;
    if (storing === undefined) return undefined;
    this.#storing = undefined;
    const { pairing, pdu } = storing;
    if (!durable) return { erased: false, pdu, code: OUTCOME.failed };
    if (pairing !== undefined) this.#pairing = pairing;
    return { erased: pairing === undefined, pdu, code: OUTCOME.done };
  }

  #store(pairing: ModulePairing | undefined, pdu: AcceptedPdu | undefined): void {
    this.#storing = { pairing, pdu };
    this.#tell({ kind: "store-pairing", pairing });
  }

  /** A half that yields no secret would lock the pack out for good. */
  #isUsable(half: Uint8Array): boolean {
    const shared = attempt(() => this.#custody.dh(half));
    shared?.fill(0);
    return shared !== undefined;
  }
}
