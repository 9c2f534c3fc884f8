import { DecodeError } from "./errors.js";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** Plain comparison: not for secrets, its time depends on the content. */
export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return false;
  return true;
}

/** Lexicographic order; a shorter prefix comes first. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i += 1) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Strict: malformed UTF-8 is an error, a byte order mark is kept. */
export function fromUtf8(bytes: Uint8Array, what = "text"): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new DecodeError(what, 0, "is not UTF-8", { cause });
  }
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += HEX[byte];
  return text;
}

/** Accepts upper and lower case, nothing else. */
export function fromHex(text: string, what = "hex"): Uint8Array {
  const bad = text.search(/[^0-9a-fA-F]/);
  if (bad !== -1) throw new DecodeError(what, bad, "is not a hexadecimal digit");
  if (text.length % 2 !== 0)
    throw new DecodeError(what, text.length, "has an odd number of digits");
  return Uint8Array.from({ length: text.length / 2 }, (_, i) =>
    Number.parseInt(text.slice(2 * i, 2 * i + 2), 16),
  );
}

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64_VALUE = new Map([...BASE64].map((character, value) => [character, value]));

/** RFC 4648 §4, with padding. */
export function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const group = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    const digits = Math.min(4, bytes.length - i + 1);
    for (let d = 0; d < 4; d += 1) text += d < digits ? BASE64[(group >> (18 - 6 * d)) & 63] : "=";
  }
  return text;
}

/** RFC 4648 §4, canonical only: padding required, unused bits zero (one text per byte string). */
export function fromBase64(text: string, what = "base64"): Uint8Array {
  if (text.length % 4 !== 0)
    throw new DecodeError(what, text.length, "length is not a multiple of 4");
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const digits = text.length - padding;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let group = 0;
  let bits = 0;
  let offset = 0;
  for (let i = 0; i < digits; i += 1) {
    const value = BASE64_VALUE.get(text[i] ?? "");
    if (value === undefined) throw new DecodeError(what, i, "is not a base64 digit");
    group = ((group << 6) | value) & 0xff_ff_ff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[offset] = (group >> bits) & 0xff;
      offset += 1;
    }
  }
  if ((group & ((1 << bits) - 1)) !== 0) throw new DecodeError(what, digits - 1, "has stray bits");
  return bytes;
}

const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";

/** RFC 4648 §6 alphabet in lower case, without padding: as LCT ids and topic names use it. */
export function toBase32(bytes: Uint8Array): string {
  let text = "";
  let group = 0;
  let bits = 0;
  for (const byte of bytes) {
    group = ((group << 8) | byte) & 0xff_ff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += BASE32[(group >> bits) & 31];
    }
  }
  return bits === 0 ? text : text + BASE32[(group << (5 - bits)) & 31];
}

/** A view for fixed layouts over exactly these bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
