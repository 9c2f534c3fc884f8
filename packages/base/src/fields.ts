/** Typed access to the items of a decoded CBOR array; every mismatch is a DecodeError that names the field. */
import { utf8 } from "./bytes.js";
import type { CborValue } from "./cbor.js";
import { DecodeError } from "./errors.js";
import { type LctId, lctId, type Millis, millis } from "./units.js";

export interface Bounds {
  readonly least: number;
  readonly most: number;
}

/** Reads by position. `name` is the field's, for messages. Decoded values are not copied. */
export class Fields {
  readonly #what: string;
  readonly #items: readonly CborValue[];

  /** `what` names the array, `count` its items. */
  constructor(value: CborValue | undefined, what: string, count: number | Bounds) {
    this.#what = what;
    if (!Array.isArray(value)) this.fail("is not an array");
    this.#items = value;
    const { least, most } = typeof count === "number" ? { least: count, most: count } : count;
    if (value.length < least || value.length > most) {
      this.fail(`has ${value.length} items, not ${least === most ? least : `${least} to ${most}`}`);
    }
  }

  get length(): number {
    return this.#items.length;
  }

  /** What `read` makes of each index in turn. */
  each<T>(read: (index: number) => T): T[] {
    return this.#items.map((_, index) => read(index));
  }

  fail(problem: string): never {
    throw new DecodeError(this.#what, 0, problem);
  }

  value(index: number): CborValue | undefined {
    return this.#items[index];
  }

  /** An absent field is an empty array. */
  absent(index: number): boolean {
    const value = this.#items[index];
    return Array.isArray(value) && value.length === 0;
  }

  /** Bounds are of its UTF-8 form. */
  text(index: number, name: string, bytes: Bounds): string {
    const value = this.#items[index];
    if (typeof value !== "string") this.fail(`${name} is not text`);
    const length = utf8(value).length;
    if (length < bytes.least || length > bytes.most) this.fail(`${name} has ${length} bytes`);
    return value;
  }

  oneOf<T extends string>(index: number, name: string, values: readonly T[]): T {
    const value = this.#items[index];
    const found = values.find((candidate) => candidate === value);
    if (found === undefined) this.fail(`${name} is none of ${values.join(", ")}`);
    return found;
  }

  bytes(index: number, name: string, length: number | Bounds): Uint8Array {
    const value = this.#items[index];
    if (!(value instanceof Uint8Array)) this.fail(`${name} is not a byte string`);
    const { least, most } = typeof length === "number" ? { least: length, most: length } : length;
    if (value.length < least || value.length > most) this.fail(`${name} has ${value.length} bytes`);
    return value;
  }

  integer(index: number, name: string, bounds: Bounds): number {
    const value = this.#items[index];
    if (typeof value !== "number") this.fail(`${name} is not an integer`);
    if (value < bounds.least || value > bounds.most) this.fail(`${name} is out of range`);
    return value;
  }

  millis(index: number, name: string): Millis {
    return millis(this.integer(index, name, { least: 0, most: Number.MAX_SAFE_INTEGER }));
  }

  lct(index: number, name: string): LctId {
    const text = this.text(index, name, { least: 1, most: 64 });
    try {
      return lctId(text);
    } catch {
      return this.fail(`${name} is not an LCT id`);
    }
  }
}
