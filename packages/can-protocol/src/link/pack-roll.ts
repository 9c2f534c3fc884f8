import type { ModuleUid } from "@wattseal/base";
import { beginKeyRoll, endKeyRoll, type PackPairing } from "@wattseal/device-keys";

/** The pack's record is to be made durable before anything else is done. */
export interface StorePackPairing {
  readonly kind: "store-pairing";
  readonly pairing: PackPairing;
}

/**
 * The pack's side of rolling its half, over all its modules. In this order:
 *
 * 1. the next half is in safe keeping; `begin`, and the record is stored,
 * 2. each link is given the event `key-roll` (after a restart: made with `nextHalf`),
 * 3. each tells `rolled` in its own time; the last one's `proven` gives the record to store,
 * 4. then the old half is destroyed.
 *
 * Until 4 the pack can speak as either, so a module is reachable whichever it knows.
 */
export class PackRoll {
  #pairing: PackPairing;
  readonly #waiting: Set<ModuleUid>;

  /** `pairing` has a next half: from `begin`, or as read from the record after a restart. */
  constructor(pairing: PackPairing) {
    this.#pairing = pairing;
    this.#waiting = new Set(pairing.modules.map(({ uid }) => uid));
  }

  /** Throws DeviceKeysError `bad-pairing` while another roll is under way. */
  static begin(
    pairing: PackPairing,
    next: PackPairing["packHalf"],
  ): { readonly roll: PackRoll; readonly effect: StorePackPairing } {
    const begun = beginKeyRoll(pairing, next);
    return { roll: new PackRoll(begun), effect: { kind: "store-pairing", pairing: begun } };
  }

  /** The pack's record as it stands. */
  get pairing(): PackPairing {
    return this.#pairing;
  }

  /** Modules that have not proven a session under the next half in this run. */
  get waiting(): readonly ModuleUid[] {
    return [...this.#waiting];
  }

  /** A link told `rolled`. Undefined until the last one has. */
  proven(uid: ModuleUid): StorePackPairing | undefined {
    if (!this.#waiting.delete(uid) || this.#waiting.size > 0) return undefined;
    this.#pairing = endKeyRoll(this.#pairing);
    return { kind: "store-pairing", pairing: this.#pairing };
  }
}
