/** Frames of the signer's socket: a length (unsigned, 32 bits, big-endian) and as many bytes. */
import { concatBytes, DecodeError, InvariantViolation, viewOf } from "@wattseal/base";

const HEADER = 4;
export const MOST_BYTES = 1_048_576;

export function frameOf(content: Uint8Array): Uint8Array {
  if (content.length === 0 || content.length > MOST_BYTES) {
    throw new InvariantViolation(`a frame of ${content.length} bytes cannot be sent`);
  }
  const header = new Uint8Array(HEADER);
  viewOf(header).setUint32(0, content.length);
  return concatBytes(header, content);
}

/** Cuts a stream into frames. Keeps no more than one frame's bytes, and refuses a longer one by its length alone. */
export class FrameReader {
  #most: number;
  #parts: Uint8Array[] = [];
  #length = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** From here on frames may have so many bytes. */
  allow(most: number): void {
    this.#most = most;
  }

  /** Whether a frame has begun and not ended. */
  get within(): boolean {
    return this.#length > 0;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#parts.push(chunk);
    this.#length += chunk.length;
  }

  /** The next whole frame's content; undefined until it is there. Throws DecodeError for a length out of bounds. */
  next(): Uint8Array | undefined {
    if (this.#length < HEADER) return undefined;
    const first = this.#parts[0];
    if (first === undefined || first.length < HEADER) this.#join();
    const length = viewOf(this.#parts[0] ?? new Uint8Array(HEADER)).getUint32(0);
    if (length === 0 || length > this.#most) {
      throw new DecodeError("signer frame", 0, `states ${length} bytes, not 1 to ${this.#most}`);
    }
    if (this.#length < HEADER + length) return undefined;
    const bytes = this.#join();
    const rest = bytes.subarray(HEADER + length);
    this.#parts = rest.length === 0 ? [] : [rest];
    this.#length = rest.length;
    return bytes.slice(HEADER, HEADER + length);
  }

  #join(): Uint8Array {
    const bytes = concatBytes(...this.#parts);
    this.#parts = [bytes];
    return bytes;
  }
}
