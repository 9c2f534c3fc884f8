import { DecodeError, fromUtf8, utf8 } from "@wattseal/base";

const TWO_32 = 2 ** 32;
const MAX_HIGH_WORD = 0x1f_ff_ff; // 2^53 − 1 has 21 bits above the low word
const MAJOR = { unsigned: 0, negative: 1, bytes: 2, text: 3, array: 4 } as const;

/**
 * Reads deterministic CBOR (RFC 8949 §4.2.1) field by field, as a schema asks for it, without building a tree.
 * Accepts exactly what `encodeCbor` writes. Each method throws DecodeError with the offset of the fault.
 */
export class FieldReader {
  readonly what: string;
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.what = what;
  }

  get offset(): number {
    return this.#offset;
  }

  fail(problem: string, at = this.#offset): never {
    throw new DecodeError(this.what, at, problem);
  }

  #byte(): number {
    const byte = this.#bytes[this.#offset];
    if (byte === undefined) this.fail("ends too early");
    this.#offset += 1;
    return byte;
  }

  #word(): number {
    const high = (this.#byte() << 8) | this.#byte();
    return high * 0x1_00_00 + ((this.#byte() << 8) | this.#byte());
  }

  #argument(info: number): number {
    if (info < 24) return info;
    const start = this.#offset - 1;
    if (info === 24) return this.#shortest(this.#byte(), 24, start);
    if (info === 25) return this.#shortest((this.#byte() << 8) | this.#byte(), 0x1_00, start);
    if (info === 26) return this.#shortest(this.#word(), 0x1_00_00, start);
    if (info !== 27) this.fail("holds an indefinite or reserved length", start);
    const high = this.#word();
    if (high > MAX_HIGH_WORD) this.fail("holds an integer beyond 2^53 - 1", start);
    return this.#shortest(high * TWO_32 + this.#word(), TWO_32, start);
  }

  #shortest(value: number, least: number, start: number): number {
    if (value < least) this.fail("holds a number that is not in its shortest form", start);
    return value;
  }

  #head(major: number, expected: string): number {
    const initial = this.#byte();
    if (initial >> 5 !== major)
      this.fail(`holds something other than ${expected}`, this.#offset - 1);
    return this.#argument(initial & 31);
  }

  #take(length: number): Uint8Array {
    const start = this.#offset;
    if (length > this.#bytes.length - start) this.fail("ends too early", this.#bytes.length);
    this.#offset = start + length;
    return this.#bytes.subarray(start, start + length);
  }

  unsigned(): number {
    return this.#head(MAJOR.unsigned, "an unsigned integer");
  }

  integer(): number {
    const start = this.#offset;
    const initial = this.#byte();
    const major = initial >> 5;
    if (major > MAJOR.negative) this.fail("holds something other than an integer", start);
    const argument = this.#argument(initial & 31);
    if (major === MAJOR.unsigned) return argument;
    if (argument === Number.MAX_SAFE_INTEGER)
      this.fail("holds an integer below -(2^53 - 1)", start);
    return -1 - argument;
  }

  /** A view of the input, not a copy. */
  bytes(): Uint8Array {
    return this.#take(this.#head(MAJOR.bytes, "a byte string"));
  }

  /** The UTF-8 bytes of a text, unchecked: for comparing with known words. */
  textBytes(): Uint8Array {
    return this.#take(this.#head(MAJOR.text, "text"));
  }

  text(): string {
    const start = this.#offset;
    const bytes = this.textBytes();
    try {
      return fromUtf8(bytes, this.what);
    } catch {
      return this.fail("holds text that is not UTF-8", start);
    }
  }

  /** The head of an array of exactly `count` fields. */
  array(count: number): void {
    const start = this.#offset;
    const found = this.#head(MAJOR.array, "an array");
    if (found !== count) this.fail(`has ${found} fields where ${count} belong`, start);
  }

  /** How many fields the array that comes next has; takes nothing. */
  peekArray(): number {
    const start = this.#offset;
    const found = this.#head(MAJOR.array, "an array");
    this.#offset = start;
    return found;
  }

  /** The head of an array of up to `most` items. */
  list(most: number): number {
    const start = this.#offset;
    const found = this.#head(MAJOR.array, "an array");
    if (found > most) this.fail(`has ${found} items where at most ${most} are allowed`, start);
    // an item has a byte at least: no list is made that the bytes cannot fill
    if (found > this.#bytes.length - this.#offset) this.fail("ends too early", this.#bytes.length);
    return found;
  }

  /** Takes an empty array, the mark of an absent field, if it comes next. */
  absent(): boolean {
    if (this.#bytes[this.#offset] !== 0x80) return false;
    this.#offset += 1;
    return true;
  }

  /** Eight bytes as two words: a module's uid, without allocating. */
  uidWords(): { readonly high: number; readonly low: number } {
    const start = this.#offset;
    if (this.#head(MAJOR.bytes, "a byte string") !== 8) this.fail("is not a uid of 8 bytes", start);
    return { high: this.#word(), low: this.#word() };
  }

  /** Takes a text that is one of `words`; returns what it stands for. */
  word<V>(words: Words<V>): V {
    const start = this.#offset;
    const length = this.#head(MAJOR.text, "text");
    const from = this.#offset;
    const found = words.find(this.#bytes, from, length);
    if (found === undefined) {
      this.#offset = start;
      return this.fail(`holds ${JSON.stringify(this.text())}, which is no ${words.what}`, start);
    }
    this.#offset = from + length;
    return found.value;
  }

  end(): void {
    if (this.#offset !== this.#bytes.length) this.fail("is followed by stray bytes");
  }
}

interface Word<V> {
  readonly bytes: Uint8Array;
  readonly value: V;
}

/** A closed set of ASCII words and what each stands for, found in a buffer without making a string. */
export class Words<V> {
  /** What the words are, for messages. */
  readonly what: string;
  readonly #byKey = new Map<number, Word<V>[]>();
  readonly #byText = new Map<string, Word<V>>();

  constructor(what: string, values: readonly V[], wordOf: (value: V) => string) {
    this.what = what;
    for (const value of values) {
      const text = wordOf(value);
      const word = { bytes: utf8(text), value };
      const key = keyOf(word.bytes, 0, word.bytes.length);
      this.#byText.set(text, word);
      this.#byKey.set(key, [...(this.#byKey.get(key) ?? []), word]);
    }
  }

  find(buffer: Uint8Array, from: number, length: number): Word<V> | undefined {
    const candidates = this.#byKey.get(keyOf(buffer, from, length));
    if (candidates === undefined) return undefined;
    for (const word of candidates) {
      if (word.bytes.length === length && startsAt(buffer, from, word.bytes)) return word;
    }
    return undefined;
  }

  of(text: string): Word<V> | undefined {
    return this.#byText.get(text);
  }
}

/** Length and two characters tell nearly all words apart; the rest is compared. */
function keyOf(buffer: Uint8Array, from: number, length: number): number {
  const middle = buffer[from + (length >> 1)] ?? 0;
  const last = buffer[from + length - 1] ?? 0;
  return ((length & 0xff) << 16) | (middle << 8) | last;
}

function startsAt(buffer: Uint8Array, from: number, bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i += 1) if (buffer[from + i] !== bytes[i]) return false;
  return true;
}
