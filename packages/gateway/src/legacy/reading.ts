import { micros } from "@wattseal/base";
import type { LegacyReading } from "@wattseal/can-protocol";
import { type Reading, rawStateOf } from "@wattseal/energy-ledger";

/** What the meter reads of it: no counters, and nothing for a digest, since nobody vouches for any of it. */
export function legacyReadingOf({ at, body }: LegacyReading): Reading {
  return {
    ...rawStateOf(body),
    time: micros(1000 * at),
    counters: undefined,
    counter: 0,
    type: 0,
    body,
  };
}
