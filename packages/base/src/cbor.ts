/**
 * Deterministic CBOR (RFC 8949 §4.2.1), the subset this project signs: integers within ±(2^53 − 1), byte
 * strings, text, arrays and, where a format says so, maps. One value has one encoding, and the decoder
 * refuses every other: no floats, tags, simple values or indefinite lengths.
 */
import { compareBytes, fromUtf8, utf8, viewOf } from "./bytes.js";
import { DecodeError, RangeViolation } from "./errors.js";

export type CborKey = number | string;
export type CborMap = ReadonlyMap<CborKey, CborValue>;
export type CborValue = number | string | Uint8Array | readonly CborValue[] | CborMap;

const MAJOR = { unsigned: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5 } as const;
const MAX_DEPTH = 16;
const TWO_32 = 2 ** 32;
const SHORT_TEXT = 64;
const KEPT_CAPACITY = 65_536;

class Writer {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  #reserve(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length, 2 * this.#bytes.length));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }

  head(major: number, argument: number): void {
    const type = major << 5;
    if (argument < 24) {
      const at = this.#reserve(1);
      this.#bytes[at] = type | argument;
    } else if (argument < 0x1_00) {
      const at = this.#reserve(2);
      this.#bytes[at] = type | 24;
      this.#bytes[at + 1] = argument;
    } else if (argument < 0x1_00_00) {
      const at = this.#reserve(3);
      this.#bytes[at] = type | 25;
      this.#view.setUint16(at + 1, argument);
    } else if (argument < TWO_32) {
      const at = this.#reserve(5);
      this.#bytes[at] = type | 26;
      this.#view.setUint32(at + 1, argument);
    } else {
      const at = this.#reserve(9);
      this.#bytes[at] = type | 27;
      this.#view.setUint32(at + 1, Math.floor(argument / TWO_32));
      this.#view.setUint32(at + 5, argument % TWO_32);
    }
  }

  raw(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
  }

  text(text: string): void {
    if (text.length <= SHORT_TEXT && this.#ascii(text)) return;
    if (!text.isWellFormed()) throw new RangeViolation("text holds a lone surrogate");
    const bytes = utf8(text);
    this.head(MAJOR.text, bytes.length);
    this.raw(bytes);
  }

  /** Names and ids: TextEncoder costs more than the copy. False, and nothing written, for anything but ASCII. */
  #ascii(text: string): boolean {
    const start = this.#length;
    this.head(MAJOR.text, text.length);
    const at = this.#reserve(text.length);
    for (let i = 0; i < text.length; i += 1) {
      const unit = text.charCodeAt(i);
      if (unit > 0x7f) {
        this.#length = start;
        return false;
      }
      this.#bytes[at + i] = unit;
    }
    return true;
  }

  /** The bytes written, as a copy; the writer starts afresh. */
  take(): Uint8Array {
    const bytes = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return bytes;
  }

  get capacity(): number {
    return this.#bytes.length;
  }
}

/** One writer outlives its call, so that a hot encoder does not allocate a buffer per value. */
let idle: Writer | undefined;

function writeInteger(writer: Writer, value: number): void {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
    throw new RangeViolation(`${value} is not an integer that entries can hold`);
  }
  if (value >= 0) writer.head(MAJOR.unsigned, value);
  else writer.head(MAJOR.negative, -1 - value);
}

function writeMap(writer: Writer, map: CborMap): void {
  const pairs = [...map].map(([key, value]) => ({ key: encodeCbor(key), value }));
  pairs.sort((a, b) => compareBytes(a.key, b.key));
  writer.head(MAJOR.map, pairs.length);
  for (const { key, value } of pairs) {
    writer.raw(key);
    write(writer, value);
  }
}

function write(writer: Writer, value: CborValue): void {
  if (typeof value === "number") writeInteger(writer, value);
  else if (typeof value === "string") writer.text(value);
  else if (value instanceof Uint8Array) {
    writer.head(MAJOR.bytes, value.length);
    writer.raw(value);
  } else if (value instanceof Map) writeMap(writer, value);
  else if (Array.isArray(value)) {
    writer.head(MAJOR.array, value.length);
    for (const item of value) write(writer, item);
  } else
    throw new RangeViolation("only integers, byte strings, text, arrays and maps can be encoded");
}

/** The one deterministic encoding of `value`. Throws RangeViolation for numbers that are not safe integers and lone surrogates. */
export function encodeCbor(value: CborValue): Uint8Array {
  const writer = idle ?? new Writer();
  idle = undefined; // maps encode their keys in here
  write(writer, value);
  const bytes = writer.take();
  if (writer.capacity <= KEPT_CAPACITY) idle = writer;
  return bytes;
}

export interface CborDecodeOptions {
  /** Name of the thing decoded, for error messages. */
  readonly what?: string;
  /** Accept maps (keys: integers and text). Entries have none. */
  readonly maps?: boolean;
}

/** Without this, byte strings decoded from a Buffer would be views: its `slice` does not copy. */
function plain(bytes: Uint8Array): Uint8Array {
  if (bytes.constructor === Uint8Array) return bytes;
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

class Reader {
  readonly what: string;
  readonly #maps: boolean;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array, options: CborDecodeOptions) {
    this.what = options.what ?? "CBOR";
    this.#maps = options.maps ?? false;
    this.#bytes = plain(bytes);
    this.#view = viewOf(bytes);
  }

  fail(problem: string, at = this.#offset): never {
    throw new DecodeError(this.what, at, problem);
  }

  #need(count: number): number {
    const at = this.#offset;
    if (count > this.#bytes.length - at) this.fail("ends too early", this.#bytes.length);
    this.#offset = at + count;
    return at;
  }

  #argument(info: number, start: number): number {
    if (info < 24) return info;
    if (info === 24) return this.#shortest(this.#view.getUint8(this.#need(1)), 24, start);
    if (info === 25) return this.#shortest(this.#view.getUint16(this.#need(2)), 0x1_00, start);
    if (info === 26) return this.#shortest(this.#view.getUint32(this.#need(4)), 0x1_00_00, start);
    if (info !== 27) this.fail("holds an indefinite or reserved length", start);
    const at = this.#need(8);
    const value = this.#view.getUint32(at) * TWO_32 + this.#view.getUint32(at + 4);
    if (value > Number.MAX_SAFE_INTEGER) this.fail("holds an integer beyond 2^53 - 1", start);
    return this.#shortest(value, TWO_32, start);
  }

  #shortest(value: number, least: number, start: number): number {
    if (value < least) this.fail("holds a number that is not in its shortest form", start);
    return value;
  }

  value(depth: number): CborValue {
    if (depth > MAX_DEPTH) this.fail(`is nested deeper than ${MAX_DEPTH}`);
    const start = this.#need(1);
    const initial = this.#view.getUint8(start);
    const major = initial >> 5;
    const argument = major <= MAJOR.map ? this.#argument(initial & 31, start) : 0;
    switch (major) {
      case MAJOR.unsigned:
        return argument;
      case MAJOR.negative:
        if (argument === Number.MAX_SAFE_INTEGER)
          this.fail("holds an integer below -(2^53 - 1)", start);
        return -1 - argument;
      case MAJOR.bytes: {
        const at = this.#need(argument);
        return this.#bytes.slice(at, at + argument);
      }
      case MAJOR.text: {
        const at = this.#need(argument);
        return this.#text(at, argument);
      }
      case MAJOR.array:
        return this.#array(argument, depth);
      case MAJOR.map:
        if (!this.#maps) this.fail("holds a map where none is allowed", start);
        return this.#map(argument, depth);
      default:
        return this.fail("holds a tag, float or simple value", start);
    }
  }

  #text(at: number, length: number): string {
    try {
      return fromUtf8(this.#bytes.subarray(at, at + length), this.what);
    } catch {
      return this.fail("holds text that is not UTF-8", at);
    }
  }

  #array(count: number, depth: number): CborValue[] {
    if (count > this.#bytes.length - this.#offset) this.fail("ends too early", this.#bytes.length);
    const items: CborValue[] = [];
    for (let i = 0; i < count; i += 1) items.push(this.value(depth + 1));
    return items;
  }

  #map(count: number, depth: number): CborMap {
    const map = new Map<CborKey, CborValue>();
    let previous: Uint8Array | undefined;
    for (let i = 0; i < count; i += 1) {
      const start = this.#offset;
      const key = this.value(depth + 1);
      if (typeof key !== "number" && typeof key !== "string") {
        this.fail("holds a map key that is neither integer nor text", start);
      }
      const encoded = this.#bytes.subarray(start, this.#offset);
      if (previous !== undefined && compareBytes(previous, encoded) >= 0) {
        this.fail("holds map keys out of order or twice", start);
      }
      previous = encoded;
      map.set(key, this.value(depth + 1));
    }
    return map;
  }

  end(): void {
    if (this.#offset !== this.#bytes.length) this.fail("is followed by stray bytes");
  }
}

/**
 * Decodes exactly one value that fills `bytes`. Byte strings are copies.
 * Throws DecodeError, with the offset, for anything that `encodeCbor` would not have written.
 */
export function decodeCbor(bytes: Uint8Array, options: CborDecodeOptions = {}): CborValue {
  const reader = new Reader(bytes, options);
  const value = reader.value(0);
  reader.end();
  return value;
}
