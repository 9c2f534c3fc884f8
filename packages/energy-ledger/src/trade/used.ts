import type { LctId, Millis } from "@wattseal/base";
import { LedgerError } from "../errors.js";
import type { TradedState } from "../snapshot/state.js";
import { ExpiringMap } from "./expiring.js";

/** Remembered at a time. */
const MOST_USED = 16_384;

type Used = TradedState["used"][number];

/**
 * Entries of other logs that gave energy to this society, by where they stand: each counts once. One whose energy is
 * past its date counts no more, and is forgotten when another comes.
 */
export class UsedEntries {
  /** By log and index, in the order in which they came. */
  readonly #used: ExpiringMap<Used>;

  constructor(saved: TradedState["used"] = []) {
    this.#used = new ExpiringMap(saved.map((used) => [keyOf(used.giver, used.index), used]));
  }

  save(): TradedState["used"] {
    return this.#used.values();
  }

  has(giver: LctId, index: number): boolean {
    return this.#used.get(keyOf(giver, index)) !== undefined;
  }

  /** Throws LedgerError `trade` when it has been used, or there is no room to remember another. */
  requireNew(giver: LctId, index: number, now: Millis): void {
    if (this.has(giver, index)) {
      throw new LedgerError("trade", `entry ${index} of ${giver} has been used`);
    }
    if (!this.#used.isFull(MOST_USED, now)) return;
    throw new LedgerError("trade", `${MOST_USED} of other societies' entries are remembered`);
  }

  use(used: Used, now: Millis): void {
    this.#used.set(keyOf(used.giver, used.index), used, now);
  }
}

function keyOf(giver: LctId, index: number): string {
  return `${giver} ${index}`;
}
