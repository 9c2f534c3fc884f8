import { RangeViolation, viewOf } from "@wattseal/base";

const MOST = 4096;

/** Builds one command: big-endian integers and counted byte strings (TPM 2.0 Part 1 §11.1.5). */
export class Writer {
  #bytes = new Uint8Array(256);
  #view = viewOf(this.#bytes);
  #length = 0;

  u8(value: number): void {
    this.#integer(value, 1);
    this.#bytes[this.#length] = value;
    this.#length += 1;
  }

  u16(value: number): void {
    this.#integer(value, 2);
    this.#view.setUint16(this.#length, value);
    this.#length += 2;
  }

  u32(value: number): void {
    this.#integer(value, 4);
    this.#view.setUint32(this.#length, value);
    this.#length += 4;
  }

  u64(value: bigint): void {
    if (value < 0n || value >= 1n << 64n) throw new RangeViolation(`${value} is not 64 bits wide`);
    this.#room(8);
    this.#view.setBigUint64(this.#length, value);
    this.#length += 8;
  }

  bytes(value: Uint8Array): void {
    this.#room(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  /** TPM2B: the length in front, 16 bits. */
  sized(write: (inner: Writer) => void): void {
    const inner = new Writer();
    write(inner);
    const bytes = inner.done();
    this.u16(bytes.length);
    this.bytes(bytes);
  }

  /** A copy of what was written. */
  done(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #integer(value: number, width: number): void {
    if (!Number.isInteger(value) || value < 0 || value >= 2 ** (8 * width)) {
      throw new RangeViolation(`${value} is not an integer of ${8 * width} bits`);
    }
    this.#room(width);
  }

  #room(more: number): void {
    const wanted = this.#length + more;
    if (wanted > MOST) throw new RangeViolation(`a TPM command holds at most ${MOST} bytes`);
    if (wanted <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(wanted, 2 * this.#bytes.length));
    grown.set(this.#bytes);
    this.#bytes = grown;
    this.#view = viewOf(grown);
  }
}
