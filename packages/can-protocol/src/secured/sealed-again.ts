/** A module's PDUs of a session that has ended, sealed once more under its released key: what was on the wire, exactly. */
import { bytesEqual, type Slot } from "@wattseal/base";
import { MAX_COUNTER, TAG_LENGTH, TransportCipher } from "@wattseal/device-keys";
import type { PduClass } from "../link/types.js";
import { baseFor } from "./identifier.js";
import { associatedData, DOMAIN, MIN_PDU, plaintextOf } from "./sealed-pdu.js";
import { MAX_PDU } from "./segments.js";

/** What is kept of a PDU once it was opened. */
export interface KeptPdu {
  readonly class: PduClass;
  readonly counter: number;
  readonly type: number;
  readonly body: Uint8Array;
  /** Bytes of ciphertext and tag. */
  readonly length: number;
  /** 16 bytes. */
  readonly tag: Uint8Array;
}

/** The cipher is deterministic: key, place and content leave one ciphertext and one tag. */
export class SealedAgain {
  readonly #cipher: TransportCipher;
  readonly #slot: Slot;

  /** `key`: 32 bytes, as a link told it with `retired`. */
  constructor(key: Uint8Array, slot: Slot) {
    this.#cipher = new TransportCipher(key);
    this.#slot = slot;
  }

  /** Ciphertext ‖ tag as the module sent them; undefined where they end in another tag than was kept. */
  pdu({ class: cls, counter, type, body, length, tag }: KeptPdu): Uint8Array | undefined {
    const fits = length >= MIN_PDU + body.length && length <= MAX_PDU && counter < MAX_COUNTER;
    if (!fits) return undefined;
    const ad = associatedData(baseFor(cls, "to-pack"), this.#slot, length);
    const plaintext = plaintextOf(type, body, length);
    const sealed = this.#cipher.seal(DOMAIN[cls], counter, ad, plaintext);
    return bytesEqual(sealed.subarray(length - TAG_LENGTH), tag) ? sealed : undefined;
  }
}
