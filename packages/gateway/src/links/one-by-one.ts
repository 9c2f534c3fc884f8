import { type Cancel, type Clock, millis } from "@wattseal/base";

/**
 * What the bus carries between the openings of two links: some 45 frames of 140 bits that one link's beginning takes
 * (handshake, first orders and their answers), twice over, for there are readings of other modules. All links at
 * once would keep the bus full for 0.4 s with words that go before handshakes, and a message 2 is given up where
 * its frames stand 200 ms apart.
 */
const OPENING_BITS = 2 * 45 * 140;

/** Between two links' openings. */
export function openingMs(nominalBitRate: number): number {
  return Math.ceil((1000 * OPENING_BITS) / nominalBitRate);
}

/** Takes the first step now and each of the others `spacingMs` after the one before it, until cancelled. */
export function oneByOne(
  clock: Clock,
  spacingMs: number,
  [step, ...others]: readonly (() => void)[],
): Cancel {
  if (step === undefined) return () => {};
  step();
  let cancel = clock.at(millis(clock.now() + spacingMs), () => {
    cancel = oneByOne(clock, spacingMs, others);
  });
  return () => cancel();
}
