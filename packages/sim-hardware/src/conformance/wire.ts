/** The tester's own frames and PDUs: it must also be able to make wrong ones, so it shares no sender with the link. */
import {
  type CanFrame,
  type LinkDirection,
  type PduClass,
  securedId,
} from "@wattseal/can-protocol";
import { TAG_LENGTH, type TransportCipher } from "@wattseal/device-keys";

export const HEADER_LENGTH = 3;
export const SMALLEST_PDU = HEADER_LENGTH + TAG_LENGTH;
export const LARGEST_PDU = 4096;
export const DOMAIN = { urgent: 0, normal: 1, bulk: 2 } as const satisfies Record<PduClass, number>;
/** Pack to module; one more the other way. */
export const BASE = { urgent: 0x630, normal: 0x632, handshake: 0x634, bulk: 0x636 } as const;

const CLASSIC_MAX = 8;
const FD_MAX = 64;
/** ISO 11898-1 §10.4.2.3. */
const FD_LENGTHS = [12, 16, 20, 24, 32, 48, 64] as const;

export const frameSize = (fd: boolean) => (fd ? FD_MAX : CLASSIC_MAX);

/** `bytes` padded to fill whole frames (docs/firmware/link.md §6). */
export function paddedLength(bytes: number, fd: boolean): number {
  const size = frameSize(fd);
  const rest = bytes % size;
  if (rest === 0) return bytes;
  if (!fd) return bytes - rest + size;
  if (rest <= CLASSIC_MAX) return bytes;
  return bytes - rest + (FD_LENGTHS.find((length) => length >= rest) ?? FD_MAX);
}

export function baseOfClass(cls: keyof typeof BASE, direction: LinkDirection): number {
  return BASE[cls] + (direction === "to-pack" ? 1 : 0);
}

/** In order; the last one may be short. Identifier parts are taken as given, right or wrong. */
export function cut(
  bytes: Uint8Array,
  at: { readonly base: number; readonly slot: number; readonly counter: number },
  fd: boolean,
): readonly CanFrame[] {
  const size = frameSize(fd);
  const count = Math.ceil(bytes.length / size);
  return Array.from({ length: count }, (_, i) => ({
    id: securedId(at.base, at.slot, at.counter, i, i === 0, i === count - 1),
    data: bytes.slice(i * size, (i + 1) * size),
    fd,
  }));
}

export function associatedData(base: number, slot: number, length: number): Uint8Array {
  return Uint8Array.of(base, base >>> 8, slot, length, length >>> 8);
}

/** A PDU, and what may be wrong with it. */
export interface PduPlan {
  readonly class: PduClass;
  readonly type: number;
  readonly body: Uint8Array;
  /** Length claimed in place of the body's own. */
  readonly claimed?: number;
  /** Zero bytes beyond the shortest padding, in frames. */
  readonly extraFrames?: number;
  /** Last byte of the padding. */
  readonly lastByte?: number;
  /** Sealed with the module's own sending key. */
  readonly reflected?: boolean;
  /** Counter in place of the next one. */
  readonly counter?: number;
  /** Class whose nonces are used, in place of its own. */
  readonly nonceClass?: PduClass;
  /** Class whose base is in the associated data, in place of its own. */
  readonly adClass?: PduClass;
  /** Class whose identifiers carry it, in place of its own. */
  readonly idClass?: PduClass;
}

function plaintextOf(plan: PduPlan, fd: boolean): Uint8Array {
  const { type, body, claimed = body.length, extraFrames = 0, lastByte = 0 } = plan;
  const shortest = paddedLength(SMALLEST_PDU + body.length + (lastByte === 0 ? 0 : 1), fd);
  const length = paddedLength(shortest + extraFrames * CLASSIC_MAX, fd);
  const text = new Uint8Array(length - TAG_LENGTH);
  text.set([type, claimed & 0xff, claimed >>> 8]);
  text.set(body, HEADER_LENGTH);
  if (lastByte !== 0) text[text.length - 1] = lastByte;
  return text;
}

/** The frames of a plan under `cipher`; `counter` is the one that goes into nonce and identifier. */
export function sealedFrames(
  plan: PduPlan,
  how: {
    readonly cipher: TransportCipher;
    readonly slot: number;
    readonly counter: number;
    readonly fd: boolean;
  },
): readonly CanFrame[] {
  const { cipher, slot, counter, fd } = how;
  const text = plaintextOf(plan, fd);
  const ad = associatedData(BASE[plan.adClass ?? plan.class], slot, text.length + TAG_LENGTH);
  const sealed = cipher.seal(DOMAIN[plan.nonceClass ?? plan.class], counter, ad, text);
  return cut(sealed, { base: BASE[plan.idClass ?? plan.class], slot, counter }, fd);
}

/** The frame with one bit of one byte turned over. */
export function flipped(frame: CanFrame, byte: number): CanFrame {
  const data = frame.data.slice();
  const at = byte < 0 ? data.length + byte : byte;
  data[at] = (data[at] ?? 0) ^ 1;
  return { ...frame, data };
}
