/** What authorises the use of an object: kept out of logs, errors and serialisations. */
import { inspect } from "node:util";
import { MOST_DIGEST } from "../structures/algorithms.js";
import { TpmError } from "../wire/errors.js";

let bytesOf: (value: AuthValue) => Uint8Array;

export class AuthValue {
  readonly #bytes: Uint8Array;

  static readonly empty: AuthValue = new AuthValue(new Uint8Array(0));

  /** A copy of 0 to 64 bytes. Trailing zeros do not count (Part 1 §19.6.4.3). */
  constructor(bytes: Uint8Array) {
    if (bytes.length > MOST_DIGEST) {
      throw new TpmError("tpm-usage", `an authorisation value has at most ${MOST_DIGEST} bytes`);
    }
    let end = bytes.length;
    while (end > 0 && bytes[end - 1] === 0) end -= 1;
    this.#bytes = bytes.slice(0, end);
  }

  static {
    bytesOf = (value) => value.#bytes;
  }

  /** Overwrites it; what is authorised with it afterwards fails. */
  dispose(): void {
    this.#bytes.fill(0);
  }

  toJSON(): string {
    return "[secret]";
  }

  toString(): string {
    return "[secret]";
  }

  [inspect.custom](): string {
    return "AuthValue [secret]";
  }
}

/** For the files of this folder, and structures that carry it to the TPM under encryption. */
export function authBytes(value: AuthValue): Uint8Array {
  return bytesOf(value);
}
