import type { Reader } from "./reader.js";
import type { Writer } from "./writer.js";

/** One structure of TPM 2.0 Part 2, both ways. `read` throws DecodeError for anything else. */
export interface Codec<T> {
  write(writer: Writer, value: T): void;
  read(reader: Reader): T;
}

export const u16: Codec<number> = { write: (w, v) => w.u16(v), read: (r) => r.u16() };
export const u32: Codec<number> = { write: (w, v) => w.u32(v), read: (r) => r.u32() };

/** TPMI_YES_NO. */
export const yesNo: Codec<boolean> = {
  write: (w, v) => w.u8(v ? 1 : 0),
  read: (r) => {
    const value = r.u8();
    return value > 1 ? r.fail(`${value} is neither NO nor YES`) : value === 1;
  },
};

/** TPM2B of at most `most` bytes. */
export function buffer(most: number): Codec<Uint8Array> {
  return {
    write: (w, v) => {
      w.u16(v.length);
      w.bytes(v);
    },
    read: (r) => {
      const length = r.u16();
      return length > most ? r.fail(`${length} bytes where ${most} fit`) : r.bytes(length);
    },
  };
}

/** TPM2B around a structure. */
export function sized<T>(inner: Codec<T>): Codec<T> {
  return {
    write: (w, v) => w.sized((part) => inner.write(part, v)),
    read: (r) => r.sized((part) => inner.read(part)),
  };
}

/** TPML: a 32-bit count in front. */
export function list<T>(item: Codec<T>, most: number): Codec<readonly T[]> {
  return {
    write: (w, v) => {
      w.u32(v.length);
      for (const each of v) item.write(w, each);
    },
    read: (r) => {
      const count = r.u32();
      if (count > most) r.fail(`a list of ${count} where ${most} fit`);
      return Array.from({ length: count }, () => item.read(r));
    },
  };
}

/** One of these numbers. */
export function oneOf<const N extends number>(width: Codec<number>, ...values: readonly N[]) {
  return {
    write: (w: Writer, v: N) => width.write(w, v),
    read: (r: Reader): N => {
      const found = width.read(r);
      return (
        values.find((value) => value === found) ?? r.fail(`0x${found.toString(16)} is unknown`)
      );
    },
  };
}
