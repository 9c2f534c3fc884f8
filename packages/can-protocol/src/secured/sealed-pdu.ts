/**
 * Sealed PDUs of one session: plaintext `type ‖ bodyLength u16le ‖ body ‖ zeros`, associated data
 * `base u16le ‖ slot ‖ PDU length u16le`, nonce domain = class, one counter for each class and direction.
 */
import { bytesEqual } from "@wattseal/base";
import { TAG_LENGTH, type TransportCipher } from "@wattseal/device-keys";
import type { CanFrame } from "../bus.js";
import { CanProtocolError } from "../errors.js";
import type { InnerPdu } from "../inner/codec.js";
import type { PduClass } from "../link/types.js";
import { paddedLength } from "./fd.js";
import { baseFor, type LinkDirection } from "./identifier.js";
import { MAX_PDU, segment } from "./segments.js";

const HEADER_LENGTH = 3;
const AD_LENGTH = 5;
/** The next counter with the four bits seen, then +16, +32, +48. */
const CANDIDATES = 4;
const COUNTER_STEP = 16;
/** Longest body of a PDU. */
const MAX_BODY = MAX_PDU - TAG_LENGTH - HEADER_LENGTH;
export const MIN_PDU = HEADER_LENGTH + TAG_LENGTH;

/** Position = nonce domain. */
export const PDU_CLASSES = ["urgent", "normal", "bulk"] as const satisfies readonly PduClass[];
export const DOMAIN: Readonly<Record<PduClass, number>> = { urgent: 0, normal: 1, bulk: 2 };

/** `type ‖ bodyLength ‖ body ‖ zeros` for a PDU of `length` bytes. */
export function plaintextOf(type: number, body: Uint8Array, length: number): Uint8Array {
  const plaintext = new Uint8Array(length - TAG_LENGTH);
  plaintext[0] = type;
  plaintext[1] = body.length;
  plaintext[2] = body.length >>> 8;
  plaintext.set(body, HEADER_LENGTH);
  return plaintext;
}

/** `base u16le ‖ slot ‖ PDU length u16le`. */
export function associatedData(base: number, slot: number, length: number): Uint8Array {
  const ad = new Uint8Array(AD_LENGTH);
  writeAssociatedData(ad, base, slot, length);
  return ad;
}

function writeAssociatedData(ad: Uint8Array, base: number, slot: number, length: number): void {
  ad[0] = base;
  ad[1] = base >>> 8;
  ad[2] = slot;
  ad[3] = length;
  ad[4] = length >>> 8;
}

/** Our direction of a session. Counters start at 0 and only grow. */
export class SealedSender {
  readonly #cipher: TransportCipher;
  readonly #direction: LinkDirection;
  readonly #slot: number;
  readonly #fd: boolean;
  readonly #next = [0, 0, 0];
  readonly #ad = new Uint8Array(AD_LENGTH);

  constructor(cipher: TransportCipher, direction: LinkDirection, slot: number, fd: boolean) {
    this.#cipher = cipher;
    this.#direction = direction;
    this.#slot = slot;
    this.#fd = fd;
  }

  /** The counter that the next PDU of this class will have. */
  nextCounter(cls: PduClass): number {
    return this.#next[DOMAIN[cls]] ?? 0;
  }

  /** Frames of one PDU. Throws CanProtocolError `bad-frame` for a body above MAX_BODY. */
  seal({ class: cls, type, body }: InnerPdu): readonly CanFrame[] {
    if (body.length > MAX_BODY) {
      throw new CanProtocolError("bad-frame", "usage", `a body has at most ${MAX_BODY} bytes`);
    }
    const length = paddedLength(MIN_PDU + body.length, this.#fd);
    const plaintext = plaintextOf(type, body, length);
    const base = baseFor(cls, this.#direction);
    const domain = DOMAIN[cls];
    const counter = this.nextCounter(cls);
    this.#next[domain] = counter + 1; // before it is used: a failure below may skip a counter, never repeat one
    writeAssociatedData(this.#ad, base, this.#slot, length);
    const pdu = this.#cipher.seal(domain, counter, this.#ad, plaintext);
    return segment(pdu, base, this.#slot, counter, this.#fd);
  }

  dispose(): void {
    this.#cipher.dispose();
  }
}

export interface OpenedPdu {
  readonly counter: number;
  /** 16 bytes, the PDU's last. */
  readonly tag: Uint8Array;
  /** Type, length, body and padding, as yet unchecked; the recipient's to keep. */
  readonly plaintext: Uint8Array;
}

/** The peer's direction of a session: a PDU opens at most once. */
export class SealedReceiver {
  readonly #cipher: TransportCipher;
  readonly #direction: LinkDirection;
  readonly #slot: number;
  readonly #next = [0, 0, 0];
  readonly #lastTag: (Uint8Array | undefined)[] = [undefined, undefined, undefined];
  readonly #ad = new Uint8Array(AD_LENGTH);

  constructor(cipher: TransportCipher, direction: LinkDirection, slot: number) {
    this.#cipher = cipher;
    this.#direction = direction;
    this.#slot = slot;
  }

  /** The first counter not yet accepted in this class. */
  nextCounter(cls: PduClass): number {
    return this.#next[DOMAIN[cls]] ?? 0;
  }

  /** The next counter that ends in the four bits seen. */
  candidate(cls: PduClass, bits: number): number {
    const next = this.nextCounter(cls);
    return next + ((bits - next + 2 ** 48) % COUNTER_STEP);
  }

  /** Whether `pdu` is the last one accepted in this class, once more. */
  isRepetition(cls: PduClass, pdu: Uint8Array): boolean {
    const tag = this.#lastTag[DOMAIN[cls]];
    return tag !== undefined && bytesEqual(tag, pdu.subarray(pdu.length - TAG_LENGTH));
  }

  /** Undefined when none of the four candidates verifies: nothing changed then. */
  open(cls: PduClass, bits: number, pdu: Uint8Array): OpenedPdu | undefined {
    const domain = DOMAIN[cls];
    const first = this.candidate(cls, bits);
    writeAssociatedData(this.#ad, baseFor(cls, this.#direction), this.#slot, pdu.length);
    for (let i = 0; i < CANDIDATES; i += 1) {
      const counter = first + i * COUNTER_STEP;
      const plaintext = this.#cipher.open(domain, counter, this.#ad, pdu);
      if (plaintext !== undefined) {
        const tag = pdu.slice(pdu.length - TAG_LENGTH);
        this.#next[domain] = counter + 1;
        this.#lastTag[domain] = tag;
        return { counter, tag, plaintext };
      }
    }
    return undefined;
  }

  /** Accepts nothing more, and gives the key away. */
  release(): Uint8Array {
    return this.#cipher.release();
  }

  dispose(): void {
    this.#cipher.dispose();
  }
}

/** The body of an opened PDU as a view, or what is wrong with it. */
export function bodyOf(plaintext: Uint8Array): Uint8Array | "length" | "padding" {
  const length = (plaintext[1] ?? 0) | ((plaintext[2] ?? 0) << 8);
  const end = HEADER_LENGTH + length;
  if (end > plaintext.length) return "length";
  for (let i = end; i < plaintext.length; i += 1) if (plaintext[i] !== 0) return "padding";
  return plaintext.subarray(HEADER_LENGTH, end);
}
