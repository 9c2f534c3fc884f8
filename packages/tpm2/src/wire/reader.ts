import { DecodeError, viewOf } from "@wattseal/base";

/** What a byte that does not belong becomes. */
export type Refuse = (what: string, offset: number, problem: string) => never;

const decodeError: Refuse = (what, offset, problem) => {
  throw new DecodeError(what, offset, problem);
};

/** Takes one structure or response apart; every read is bounded. Throws DecodeError with the offset, or as `refuse` does. */
export class Reader {
  readonly #what: string;
  readonly #refuse: Refuse;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, what: string, refuse = decodeError, at = 0, end = bytes.length) {
    this.#refuse = refuse;
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
    this.#what = what;
    this.#at = at;
    this.#end = end;
  }

  get remaining(): number {
    return this.#end - this.#at;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8));
  }

  /** A copy. */
  bytes(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.slice(at, at + length);
  }

  /** TPM2B: the content has to be read to its end. */
  sized<T>(read: (inner: Reader) => T): T {
    const length = this.u16();
    const at = this.#take(length);
    const inner = new Reader(this.#bytes, this.#what, this.#refuse, at, at + length);
    const value = read(inner);
    inner.end();
    return value;
  }

  /** Throws unless everything was read. */
  end(): void {
    if (this.remaining !== 0) this.fail(`${this.remaining} bytes are left over`);
  }

  fail(problem: string): never {
    return this.#refuse(this.#what, this.#at, problem);
  }

  #take(length: number): number {
    if (length > this.remaining) {
      this.fail(`${length} bytes are wanted, ${this.remaining} are left`);
    }
    const at = this.#at;
    this.#at += length;
    return at;
  }
}
