/**
 * Schemas of what the log holds: arrays of integers, byte strings, text and arrays. One schema reads
 * (strictly: only the deterministic form passes), writes (with the same checks) and gives the type.
 */
import { MAX_ENTRY_LENGTH, RangeViolation } from "@wattseal/base";
import { FieldReader, Words } from "./reader.js";
import { FieldWriter } from "./writer.js";

export interface Schema<T> {
  /** Takes the value from the bytes; throws DecodeError. */
  read(reader: FieldReader): T;
  /** Appends the value; throws RangeViolation for what `read` would refuse. */
  write(writer: FieldWriter, value: T): void;
}

export type Value<S> = S extends Schema<infer T> ? T : never;

/** Whole numbers from `min` to `max`. */
export function integer(label: string, min: number, max: number): Schema<number> {
  const problem = `${label} is not from ${min} to ${max}`;
  const signed = min < 0;
  return {
    read(reader) {
      const at = reader.offset;
      const value = signed ? reader.integer() : reader.unsigned();
      if (value < min || value > max) reader.fail(problem, at);
      return value;
    },
    write(writer, value) {
      if (!Number.isSafeInteger(value) || value < min || value > max || Object.is(value, -0)) {
        throw new RangeViolation(`${value}: ${problem}`);
      }
      writer.integer(value);
    },
  };
}

/** 0 or 1. */
export function flag(label: string): Schema<boolean> {
  const bit = integer(label, 0, 1);
  return {
    read: (reader) => bit.read(reader) === 1,
    write(writer, value) {
      bit.write(writer, value ? 1 : 0);
    },
  };
}

/** The same bytes with a type of its own; `brand` is the validating function that makes it. */
export function branded<Raw, T extends Raw>(
  schema: Schema<Raw>,
  brand: (value: Raw) => T,
): Schema<T> {
  return {
    read: (reader) => brand(schema.read(reader)),
    write(writer, value) {
      schema.write(writer, value);
    },
  };
}

/** A byte string of `min` to `max` bytes. Values read are views of the input. */
export function byteString(label: string, min: number, max = min): Schema<Uint8Array> {
  const length = min === max ? `${min}` : `${min} to ${max}`;
  const problem = `${label} does not have ${length} bytes`;
  return {
    read(reader) {
      const at = reader.offset;
      const value = reader.bytes();
      if (value.length < min || value.length > max) reader.fail(problem, at);
      return value;
    },
    write(writer, value) {
      if (value.length < min || value.length > max) throw new RangeViolation(problem);
      writer.bytes(value);
    },
  };
}

/** Text that matches `pattern` as a whole. */
export function text(label: string, pattern: RegExp): Schema<string> {
  const problem = `is no ${label}`;
  return {
    read(reader) {
      const at = reader.offset;
      const value = reader.text();
      if (!pattern.test(value)) reader.fail(`${JSON.stringify(value)} ${problem}`, at);
      return value;
    },
    write(writer, value) {
      if (!pattern.test(value)) throw new RangeViolation(`${JSON.stringify(value)} ${problem}`);
      writer.text(value);
    },
  };
}

/** One of a closed set of words, as text. */
export function oneOf<const W extends string>(label: string, ...choices: readonly W[]): Schema<W> {
  const words = new Words(label, choices, (word) => word);
  return {
    read: (reader) => reader.word(words),
    write(writer, value) {
      const word = words.of(value);
      if (word === undefined) throw new RangeViolation(`"${value}" is no ${label}`);
      writer.textBytes(word.bytes);
    },
  };
}

/** An absent field is an empty array. */
export function optional<T>(schema: Schema<T>): Schema<T | undefined> {
  return {
    read: (reader) => (reader.absent() ? undefined : schema.read(reader)),
    write(writer, value) {
      if (value === undefined) writer.array(0);
      else schema.write(writer, value);
    },
  };
}

/** From `min` to `max` items. */
export function list<T>(
  item: Schema<T>,
  { min = 0, max }: { readonly min?: number; readonly max: number },
): Schema<readonly T[]> {
  return {
    read(reader) {
      const at = reader.offset;
      const count = reader.list(max);
      if (count < min) reader.fail(`has ${count} items where at least ${min} belong`, at);
      return Array.from({ length: count }, () => item.read(reader));
    },
    write(writer, value) {
      if (value.length < min || value.length > max) {
        throw new RangeViolation(`a list of ${value.length} items: ${min} to ${max} are allowed`);
      }
      writer.array(value.length);
      for (const each of value) item.write(writer, each);
    },
  };
}

type Fields = Readonly<Record<string, Schema<unknown>>>;
export type RecordOf<F extends Fields> = { readonly [Name in keyof F]: Value<F[Name]> };

/** True because each field was read by the schema of its name, which the checker cannot follow through a loop. */
function isRecord<F extends Fields>(value: object, fields: F): value is RecordOf<F> {
  return Object.keys(fields).every((name) => Object.hasOwn(value, name));
}

/** An array with one item for each field, in the order written. `fast` may read the same with less work. */
export function record<F extends Fields>(
  fields: F,
  fast?: (reader: FieldReader) => RecordOf<F>,
): Schema<RecordOf<F>> {
  const columns = Object.entries(fields);
  return {
    read:
      fast ??
      ((reader) => {
        reader.array(columns.length);
        const value: Record<string, unknown> = {};
        for (const [name, schema] of columns) value[name] = schema.read(reader);
        if (!isRecord(value, fields)) return reader.fail("lacks a field");
        return value;
      }),
    write(writer, value) {
      writer.array(columns.length);
      for (const [name, schema] of columns) schema.write(writer, value[name]);
    },
  };
}

/** A fixed text: what a signed payload is for. */
export function constant<const W extends string>(word: W): Schema<W> {
  return oneOf(`"${word}"`, word);
}

/** Decodes exactly one value that fills `bytes`. */
export function decodeAs<T>(schema: Schema<T>, bytes: Uint8Array, what: string): T {
  const reader = new FieldReader(bytes, what);
  const value = schema.read(reader);
  reader.end();
  return value;
}

/** What an entry carries is no longer than an entry. */
const scratch = new FieldWriter(MAX_ENTRY_LENGTH);

/** The one encoding of `value`, at most 16 KiB. Throws RangeViolation for what `decodeAs` would refuse. */
export function encodeAs<T>(schema: Schema<T>, value: T): Uint8Array {
  return encodeInto(scratch, schema, value);
}

/** The same, of what `writer` has room for; it keeps nothing else. */
export function encodeInto<T>(writer: FieldWriter, schema: Schema<T>, value: T): Uint8Array {
  writer.reset();
  schema.write(writer, value);
  return writer.written();
}
