import type { PduClass } from "@wattseal/can-protocol";
import type { KkSession, TransportCipher } from "@wattseal/device-keys";
import { associatedData, baseOfClass, DOMAIN } from "./wire.js";

/** Counters looked for behind and ahead of the one due, in steps of the 16 that the four bits cannot tell apart. */
const REACH = 4;
const STEP = 16;

/** Payload of message 2. */
export interface Terms {
  readonly version: number;
  readonly capabilities: number;
  /** The rest is zero, as it should be. */
  readonly zeros: boolean;
}

export interface Opened {
  readonly plaintext: Uint8Array;
  readonly counter: number;
  /** The counter that was due. */
  readonly due: number;
}

/** One session from the pack's side: it opens what it can, and tells right counters from wrong ones. */
export class TestSession {
  readonly terms: Terms;
  readonly cipher: TransportCipher;
  readonly #receive: TransportCipher;
  readonly #slot: number;
  readonly #out = { urgent: 0, normal: 0, bulk: 0 };
  readonly #in = { urgent: 0, normal: 0, bulk: 0 };

  constructor(keys: KkSession, slot: number, terms: Terms) {
    this.terms = terms;
    this.#slot = slot;
    this.cipher = keys.send;
    this.#receive = keys.receive;
  }

  /** The counter for the next PDU to the module, which is used up by this. */
  take(cls: PduClass): number {
    const counter = this.#out[cls];
    this.#out[cls] = counter + 1;
    return counter;
  }

  /** The counter that the next PDU of this class will have. */
  next(cls: PduClass): number {
    return this.#out[cls];
  }

  /** The module's own sending key: for what it must not take from itself. */
  get reflection(): TransportCipher {
    return this.#receive;
  }

  /** Leaves out `count` counters, as if that many PDUs were lost. */
  skip(cls: PduClass, count: number): void {
    this.#out[cls] += count;
  }

  open(cls: PduClass, bits: number, pdu: Uint8Array): Opened | undefined {
    const due = this.#in[cls];
    const first = due + ((((bits - due) % STEP) + STEP) % STEP);
    const ad = associatedData(baseOfClass(cls, "to-pack"), this.#slot, pdu.length);
    for (let step = 0; step < 2 * REACH; step += 1) {
      const counter = step < REACH ? first + STEP * step : first - STEP * (step - REACH + 1);
      if (counter < 0) continue;
      const plaintext = this.#receive.open(DOMAIN[cls], counter, ad, pdu);
      if (plaintext === undefined) continue;
      this.#in[cls] = Math.max(due, counter + 1);
      return { plaintext, counter, due };
    }
    return undefined;
  }
}
