import { RangeViolation, utf8 } from "@wattseal/base";

const TWO_32 = 2 ** 32;
const UNSIGNED = 0x00;
const NEGATIVE = 0x20;
const BYTES = 0x40;
const TEXT = 0x60;
const ARRAY = 0x80;

/** Writes deterministic CBOR (RFC 8949 §4.2.1) field by field, the reverse of FieldReader. At most `most` bytes. */
export class FieldWriter {
  readonly #most: number;
  #bytes: Uint8Array;
  #length = 0;

  /** Room for `capacity` bytes is there from the start. */
  constructor(capacity: number, most = capacity) {
    this.#bytes = new Uint8Array(capacity);
    this.#most = most;
  }

  #reserve(count: number): number {
    const at = this.#length;
    if (count > this.#bytes.length - at) this.#grow(at + count);
    this.#length = at + count;
    return at;
  }

  #grow(least: number): void {
    if (least > this.#most) throw new RangeViolation(`is longer than ${this.#most} bytes`);
    const grown = new Uint8Array(Math.min(this.#most, Math.max(least, 2 * this.#bytes.length)));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }

  #head(major: number, argument: number): void {
    if (argument < 24) this.#byte(major | argument);
    else if (argument < 0x1_00) {
      this.#byte(major | 24);
      this.#byte(argument);
    } else if (argument < 0x1_00_00) {
      this.#byte(major | 25);
      this.#byte(argument >> 8);
      this.#byte(argument & 0xff);
    } else if (argument < TWO_32) {
      this.#byte(major | 26);
      this.#word(argument);
    } else {
      this.#byte(major | 27);
      this.#word(Math.floor(argument / TWO_32));
      this.#word(argument % TWO_32);
    }
  }

  #byte(value: number): void {
    const at = this.#reserve(1);
    this.#bytes[at] = value;
  }

  #word(value: number): void {
    const at = this.#reserve(4);
    const bytes = this.#bytes;
    bytes[at] = value >>> 24;
    bytes[at + 1] = value >>> 16;
    bytes[at + 2] = value >>> 8;
    bytes[at + 3] = value;
  }

  /** A safe integer; the schema has checked it. */
  integer(value: number): void {
    if (value >= 0) this.#head(UNSIGNED, value);
    else this.#head(NEGATIVE, -1 - value);
  }

  bytes(value: Uint8Array): void {
    this.#head(BYTES, value.length);
    this.#put(value);
  }

  #put(value: Uint8Array): void {
    const at = this.#reserve(value.length);
    this.#bytes.set(value, at);
  }

  /** The UTF-8 bytes of a text. */
  textBytes(value: Uint8Array): void {
    this.#head(TEXT, value.length);
    this.#put(value);
  }

  text(value: string): void {
    if (!value.isWellFormed()) throw new RangeViolation("text holds a lone surrogate");
    this.textBytes(utf8(value));
  }

  /** Eight bytes from two words: a module's uid. */
  uidWords(high: number, low: number): void {
    this.#byte(BYTES | 8);
    this.#word(high);
    this.#word(low);
  }

  /** The head of an array of `count` items. */
  array(count: number): void {
    this.#head(ARRAY, count);
  }

  /** A copy of what was written. */
  written(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** Forgets what was written. */
  reset(): void {
    this.#length = 0;
  }
}
