import { crc32 } from "./crc32.js";
import { TRANSFER_TRIES } from "./limits.js";
import { LAST_LOG_FRAME, type LegacyLimits, type TransferFailure } from "./types.js";

const SEGMENTS = 128;
const SEGMENT_BYTES = 8;
/** The count in the start frame: deployed modules count the start frame itself, too. */
const COUNTS: readonly number[] = [SEGMENTS + 1, SEGMENTS];

export type TransferStep =
  | { readonly kind: "wait" }
  /** Ask (again) for this frame. */
  | { readonly kind: "ask"; readonly counter: number }
  | { readonly kind: "done"; readonly counter: number; readonly data: Uint8Array }
  | { readonly kind: "failed"; readonly reason: TransferFailure };

const WAIT: TransferStep = { kind: "wait" };

/** One log frame of one module: 1024 bytes in 128 segments, between a start and a CRC. Asked for three times at most. */
export class LogTransfer {
  readonly #wanted: number;
  readonly #limits: LegacyLimits;
  readonly #data = new Uint8Array(SEGMENTS * SEGMENT_BYTES);
  readonly #seen = new Uint8Array(SEGMENTS);
  #counter: number;
  #started = false;
  #count = 0;
  #tries = 1;
  #until: number;

  constructor(wanted: number, limits: LegacyLimits, now: number) {
    this.#wanted = wanted;
    this.#counter = wanted;
    this.#limits = limits;
    this.#until = now + limits.answerMs;
  }

  get wanted(): number {
    return this.#wanted;
  }

  get until(): number {
    return this.#until;
  }

  /** A repeated start begins anew. */
  start(counter: number, segments: number, now: number): TransferStep {
    const isWanted = this.#counter === LAST_LOG_FRAME || counter === this.#counter;
    if (!isWanted || !COUNTS.includes(segments)) return this.#again("start", now);
    this.#counter = counter;
    this.#started = true;
    this.#seen.fill(0);
    this.#count = 0;
    this.#until = now + this.#limits.segmentMs;
    return WAIT;
  }

  segment(index: number, data: Uint8Array, now: number): TransferStep {
    if (!this.#started || index >= SEGMENTS) return WAIT;
    this.#data.set(data, index * SEGMENT_BYTES);
    if (this.#seen[index] === 0) this.#count += 1;
    this.#seen[index] = 1;
    this.#until = now + this.#limits.segmentMs;
    return WAIT;
  }

  end(crc: number, now: number): TransferStep {
    if (!this.#started) return WAIT;
    if (this.#count < SEGMENTS) return this.#again("segments", now);
    if (crc32(this.#data) !== crc) return this.#again("crc", now);
    return { kind: "done", counter: this.#counter, data: this.#data.slice() };
  }

  timer(now: number): TransferStep {
    return now >= this.#until ? this.#again("timeout", now) : WAIT;
  }

  /** What began as "the last one" goes on as the one that the module began to send. */
  #again(reason: TransferFailure, now: number): TransferStep {
    if (this.#tries >= TRANSFER_TRIES) return { kind: "failed", reason };
    this.#tries += 1;
    this.#started = false;
    this.#until = now + this.#limits.answerMs;
    return { kind: "ask", counter: this.#counter };
  }
}
