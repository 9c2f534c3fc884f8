import type { Millis } from "@wattseal/base";
import type { EnergyGap, EnergyInterval, EnergyResolve, EnergyWindow } from "../entries/energy.js";
import { LedgerError } from "../errors.js";
import { DAY } from "../society/policy.js";

/** A suspect interval can be settled for this long, ms; then its in is forgone. */
const RESOLVE_WITHIN = 7 * DAY;

interface Suspect {
  readonly in: number;
  readonly since: Millis;
}

/** Adds up what the next window will carry. */
export class WindowBook {
  #first: number | undefined;
  #count = 0;
  #net = 0;
  #lastEnd: Millis | undefined;
  readonly #suspects = new Map<number, Suspect>();

  /** Suspect, unauthenticated: their out counts, never their in. */
  interval(index: number, { in: inward, out, verdict }: EnergyInterval, now: Millis): void {
    this.#add(index, verdict === "consistent" ? inward - out : -out);
    if (verdict === "suspect") this.#suspects.set(index, { in: inward, since: now });
  }

  /** Its out counts, never its in. */
  gap(index: number, { out }: EnergyGap): void {
    this.#add(index, -out);
  }

  resolve(index: number, { interval, decision }: EnergyResolve, now: Millis): void {
    const suspect = this.#suspects.get(interval);
    if (suspect === undefined || now - suspect.since > RESOLVE_WITHIN) {
      throw new LedgerError("resolve", `entry ${interval} is no suspect interval that is open`);
    }
    this.#suspects.delete(interval);
    if (decision === "accept") this.#add(index, suspect.in);
  }

  #add(index: number, net: number): void {
    this.#first ??= index;
    this.#count += 1;
    this.#net += net;
  }

  /** The window that would end at `t1`. */
  next(t0: Millis | undefined, t1: Millis): EnergyWindow {
    return {
      t0: this.#lastEnd ?? t0 ?? t1,
      t1,
      first: this.#first,
      count: this.#count,
      net: this.#net,
    };
  }

  /** Throws LedgerError `window` unless it says what the entries since the last one say. */
  check(window: EnergyWindow, now: Millis): void {
    const wrong = faultOf(window, this.next(window.t0, window.t1), now);
    if (wrong !== undefined) throw new LedgerError("window", wrong);
  }

  close(window: EnergyWindow, now: Millis): void {
    this.#first = undefined;
    this.#count = 0;
    this.#net = 0;
    this.#lastEnd = window.t1;
    for (const [index, { since }] of this.#suspects) {
      if (now - since <= RESOLVE_WITHIN) break;
      this.#suspects.delete(index);
    }
  }
}

function faultOf(window: EnergyWindow, due: EnergyWindow, now: Millis): string | undefined {
  const { t0, t1, first, count, net } = window;
  if (t0 !== due.t0) return `starts at ${t0}, but the last one ends at ${due.t0}`;
  if (t1 <= t0) return "does not end after it starts";
  if (t1 > now) return "ends after its entry's time";
  if (first !== due.first || count !== due.count) {
    return `covers ${count} entries from ${first}, not ${due.count} from ${due.first}`;
  }
  if (net !== due.net) return `net is ${net} mWh, but its entries add up to ${due.net}`;
  return undefined;
}
