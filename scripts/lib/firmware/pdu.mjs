/** Nonces, associated data, padding and frames (docs/firmware/link.md §2, §3, §6). */
import { toHex, viewOf } from "@wattseal/base";
import { securedId } from "@wattseal/can-protocol";
import { SLOT } from "./given.mjs";

/** @typedef {import("@wattseal/can-protocol").CanFrame} CanFrame */

export const DOMAIN = { urgent: 0, normal: 1, bulk: 2 };
/** Pack to module. */
export const BASE = { urgent: 0x630, normal: 0x632, handshake: 0x634, bulk: 0x636 };
const HEADER_LENGTH = 3;
const TAG_LENGTH = 16;
const FD_LENGTHS = [12, 16, 20, 24, 32, 48, 64];

/** @param {number} domain @param {number} counter */
export function nonceOf(domain, counter) {
  const nonce = new Uint8Array(12);
  viewOf(nonce).setBigUint64(4, (BigInt(domain) << 56n) | BigInt(counter), true);
  return nonce;
}

/** @param {number} base @param {number} length */
export function associatedData(base, length) {
  const ad = new Uint8Array(5);
  viewOf(ad).setUint16(0, base, true);
  viewOf(ad).setUint8(2, SLOT);
  viewOf(ad).setUint16(3, length, true);
  return ad;
}

/** Of a PDU with so many bytes of body. @param {number} body @param {boolean} fd */
export function paddedLength(body, fd) {
  const bytes = HEADER_LENGTH + body + TAG_LENGTH;
  if (!fd) return Math.ceil(bytes / 8) * 8;
  const rest = bytes % 64;
  if (rest <= 8) return bytes;
  return bytes - rest + (FD_LENGTHS.find((length) => length >= rest) ?? 64);
}

/**
 * Of a PDU of `length` bytes, by default the shortest on classic CAN.
 *
 * @param {number} type
 * @param {Uint8Array} body
 * @param {number} [length]
 * @param {number} [claimed] in place of the body's own length
 */
export function plaintextOf(
  type,
  body,
  length = paddedLength(body.length, false),
  claimed = body.length,
) {
  const text = new Uint8Array(length - TAG_LENGTH);
  text[0] = type;
  viewOf(text).setUint16(1, claimed, true);
  text.set(body, HEADER_LENGTH);
  return text;
}

/**
 * Frames of a PDU or handshake message.
 *
 * @param {Uint8Array} bytes
 * @param {number} base
 * @param {number} counter
 * @param {boolean} fd
 * @returns {CanFrame[]}
 */
export function cut(bytes, base, counter, fd) {
  const size = fd ? 64 : 8;
  const count = Math.ceil(bytes.length / size);
  return Array.from({ length: count }, (_, i) => ({
    id: securedId(base, SLOT, counter, i, i === 0, i === count - 1),
    data: bytes.slice(size * i, size * (i + 1)),
    fd,
  }));
}

/** Identifier and data, in hexadecimal. @param {CanFrame} frame */
export const frameText = ({ id, data }) =>
  `${id.toString(16).toUpperCase().padStart(8, "0")}#${toHex(data)}`;
