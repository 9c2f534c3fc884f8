import { bytesEqual, sha256, viewOf } from "@wattseal/base";

const HASH_LENGTH = 32;

/**
 * Reading digest of one interval (design: CAN link): H = 32 zero bytes; before the interval's first reading, and
 * before the first reading of each session after that, H = SHA-256(H ‖ handshake hash); for each reading
 * H = SHA-256(H ‖ counter u64le ‖ type ‖ body).
 */
export class ReadingDigest {
  #hash: Uint8Array = new Uint8Array(HASH_LENGTH);
  #session: Uint8Array | undefined;
  #buffer = new Uint8Array(128);

  /** Adds a reading of the session with this handshake hash. `body` is not kept. */
  add(session: Uint8Array, counter: number, type: number, body: Uint8Array): void {
    if (!this.#isWithin(session)) this.#enter(session);
    const length = HASH_LENGTH + 9 + body.length;
    const buffer = this.#room(length);
    const view = viewOf(buffer);
    view.setUint32(HASH_LENGTH, counter % 2 ** 32, true);
    view.setUint32(HASH_LENGTH + 4, Math.floor(counter / 2 ** 32), true);
    buffer[HASH_LENGTH + 8] = type;
    buffer.set(body, HASH_LENGTH + 9);
    this.#hash = sha256(buffer.subarray(0, length));
  }

  #isWithin(session: Uint8Array): boolean {
    const current = this.#session;
    return current === session || (current !== undefined && bytesEqual(current, session));
  }

  #enter(session: Uint8Array): void {
    const length = HASH_LENGTH + session.length;
    const buffer = this.#room(length);
    buffer.set(session, HASH_LENGTH);
    this.#hash = sha256(buffer.subarray(0, length));
    this.#session = session;
  }

  /** The scratch buffer, with H in front. */
  #room(length: number): Uint8Array {
    if (length > this.#buffer.length) this.#buffer = new Uint8Array(2 * length);
    this.#buffer.set(this.#hash);
    return this.#buffer;
  }

  /** The interval's digest; starts the next interval. */
  take(): Uint8Array {
    const hash = this.#hash;
    this.#hash = new Uint8Array(HASH_LENGTH);
    this.#session = undefined;
    return hash;
  }
}
