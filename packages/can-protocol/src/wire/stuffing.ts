/**
 * Bit stuffing (ISO 11898-1 §10.5) as a table over bytes: after five equal bits a sender inserts one of the
 * other value, which counts as the first of the next run.
 */
const MAX_RUN = 5;
/** State before a leading zero that is not on the wire: it fills a header up to whole bytes. */
export const BEFORE_PAD = 0;
const NOTHING_SENT = 1;
const RUNS = 2;
const STATES = RUNS + 2 * (MAX_RUN - 1);

/** Packed step: next state in bits 0-3, stuff bits in 4-5, bit 6 set when the last bit called for one. */
export const STATE_MASK = 15;
const STUFF_SHIFT = 4;
const STUFFED_LAST = 1 << 6;

export const stuffBitsOf = (step: number) => (step >>> STUFF_SHIFT) & 3;
export const stuffedLast = (step: number) => (step & STUFFED_LAST) !== 0;

function stepBit(state: number, bit: number): number {
  if (state === BEFORE_PAD) return NOTHING_SENT;
  const runOf = (value: number, length: number) => RUNS + value * (MAX_RUN - 1) + length - 1;
  if (state === NOTHING_SENT) return runOf(bit, 1);
  const value = state < runOf(1, 1) ? 0 : 1;
  if (value !== bit) return runOf(bit, 1);
  const length = state - runOf(value, 1) + 2;
  if (length < MAX_RUN) return runOf(bit, length);
  return runOf(1 - bit, 1) | (1 << STUFF_SHIFT) | STUFFED_LAST;
}

/** The lowest `count` bits of `bits` (at most 8), highest first. */
export function stepBits(state: number, bits: number, count: number): number {
  let stuffed = 0;
  let step = state;
  for (let i = count - 1; i >= 0; i -= 1) {
    step = stepBit(step & STATE_MASK, (bits >>> i) & 1);
    stuffed += stuffBitsOf(step);
  }
  return (step & STATE_MASK) | (stuffed << STUFF_SHIFT) | (step & STUFFED_LAST);
}

const TABLE = Uint8Array.from({ length: STATES * 256 }, (_, i) => stepBits(i >>> 8, i & 0xff, 8));

export function stepByte(state: number, byte: number): number {
  return TABLE[(state << 8) | byte] ?? 0;
}
