/**
 * Little-endian bit-field layouts: one table gives the type of a message, its reader and its writer.
 * Physical value = (raw · multiply + add) / divide: integers, so that a reading is the nearest double.
 */
import { DecodeError } from "@wattseal/base";
import { CanProtocolError } from "../errors.js";

export interface Scale {
  readonly multiply: number;
  readonly add: number;
  readonly divide: number;
  readonly unit: string;
}

export interface Field {
  /** First bit, counted from bit 0 of byte 0. */
  readonly at: number;
  /** Bits, 1 to 63; raw values above 2^53 − 1 are refused. */
  readonly width: number;
  /** Without one, the value is the raw integer. */
  readonly scale?: Scale;
  /** Of a value without a scale. */
  readonly unit?: string;
  /** Names of raw values that mean something of their own. */
  readonly names?: Readonly<Record<number, string>>;
  /** For people. */
  readonly note?: string;
}

export type Fields = Readonly<Record<string, Field>>;
export type ValuesOf<F extends Fields> = { readonly [K in keyof F]: number };

export interface Layout<F extends Fields> {
  /** Bytes. */
  readonly length: number;
  /** Reads the fields at `offset`; bytes beyond the end of `data` read as zero. */
  read(data: Uint8Array, offset?: number): ValuesOf<F>;
  /** Throws CanProtocolError `field-range` for a value that does not fit. Bits of no field stay as they are. */
  write(values: ValuesOf<F>, data: Uint8Array, offset?: number): void;
}

interface CompiledField {
  readonly name: string;
  readonly byte: number;
  readonly bytes: number;
  readonly shift: number;
  readonly width: number;
  readonly limit: number;
  readonly scale: Scale | undefined;
}

export function layout<const F extends Fields>(length: number, fields: F): Layout<F> {
  const compiled = Object.entries(fields).map(([name, field]) => compile(name, field));
  const isComplete = (
    values: Record<string, number>,
  ): values is Record<string, number> & ValuesOf<F> => values !== undefined; // `read` fills in every field of the table
  return {
    length,
    read(data, offset = 0) {
      const values: Record<string, number> = {};
      for (const field of compiled) values[field.name] = readField(field, data, offset);
      if (!isComplete(values)) throw new CanProtocolError("bad-frame", "invariant", "empty layout");
      return values;
    },
    write(values, data, offset = 0) {
      for (const field of compiled)
        writeField(field, values[field.name] ?? Number.NaN, data, offset);
    },
  };
}

function compile(name: string, { at, width, scale }: Field): CompiledField {
  const shift = at % 8;
  return {
    name,
    byte: (at - shift) / 8,
    bytes: Math.ceil((shift + width) / 8),
    shift,
    width,
    limit: 2 ** width,
    scale,
  };
}

function readField(field: CompiledField, data: Uint8Array, offset: number): number {
  const raw = readRaw(field, data, offset + field.byte);
  const { scale } = field;
  return scale === undefined ? raw : (raw * scale.multiply + scale.add) / scale.divide;
}

function readRaw(field: CompiledField, data: Uint8Array, first: number): number {
  let raw = 0;
  for (let i = first + field.bytes - 1; i >= first; i -= 1) raw = raw * 256 + (data[i] ?? 0);
  if (raw > Number.MAX_SAFE_INTEGER) return readWide(field, data, first);
  if (field.shift !== 0) raw = Math.floor(raw / 2 ** field.shift);
  return raw < field.limit ? raw : raw % field.limit;
}

function readWide(field: CompiledField, data: Uint8Array, first: number): number {
  let raw = 0n;
  for (let i = first + field.bytes - 1; i >= first; i -= 1)
    raw = (raw << 8n) | BigInt(data[i] ?? 0);
  const value = BigInt.asUintN(field.width, raw >> BigInt(field.shift));
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new DecodeError(field.name, first, "is an integer beyond 2^53 - 1");
  }
  return Number(value);
}

function writeField(field: CompiledField, value: number, data: Uint8Array, offset: number): void {
  const { scale } = field;
  const raw = Math.round(
    scale === undefined ? value : (value * scale.divide - scale.add) / scale.multiply,
  );
  const whole = scale !== undefined || raw === value;
  if (!whole || !Number.isSafeInteger(raw) || raw < 0 || raw >= field.limit) {
    const unit = scale === undefined ? "" : ` ${scale.unit}`;
    throw new CanProtocolError("field-range", "usage", `${field.name} cannot hold ${value}${unit}`);
  }
  const first = offset + field.byte;
  let rest = raw * 2 ** field.shift;
  const wide = rest > Number.MAX_SAFE_INTEGER;
  if (wide)
    throw new CanProtocolError("field-range", "usage", `${field.name} is too wide to write`);
  for (let i = 0; i < field.bytes; i += 1) {
    const low = rest % 256;
    const mask = maskOf(field, i);
    data[first + i] = ((data[first + i] ?? 0) & ~mask) | low;
    rest = (rest - low) / 256;
  }
}

/** The bits of byte `i` that belong to the field. */
function maskOf(field: CompiledField, i: number): number {
  const from = Math.max(0, field.shift - 8 * i);
  const to = Math.min(8, field.shift + field.width - 8 * i);
  return ((1 << to) - 1) & ~((1 << from) - 1);
}
