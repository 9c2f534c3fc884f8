import { type Millis, millis, milliwattHours } from "@wattseal/base";
import { MOST_NET } from "../codec/scalars.js";
import type { EnergyResolve, EnergyWindow } from "../entries/energy.js";
import { LedgerError } from "../errors.js";
import type { WindowState } from "../snapshot/state.js";
import { DAY } from "../society/policy.js";

/** A suspect interval can be settled for this long, ms; then its in is forgone. */
const RESOLVE_WITHIN = 7 * DAY;
/** And so many are kept open, the newest: as many as 31 modules make in that time, one a minute each. */
export const MOST_SUSPECTS = (31 * RESOLVE_WITHIN) / 60_000;

/** A suspect interval that can still be settled. */
export interface OpenSuspect {
  /** Index of its energy.interval. */
  readonly interval: number;
  /** mWh that join the next window where it is accepted. */
  readonly in: number;
  /** UTC ms: then its in is forgone. */
  readonly until: Millis;
}

type Suspect = Omit<WindowState["suspects"][number], "interval">;
const NOTHING: WindowState = {
  first: undefined,
  count: 0,
  net: 0,
  lastEnd: undefined,
  suspects: [],
};

/** Adds up what the next window will carry. */
export class WindowBook {
  /** What the accounts can take of a net, mWh: a window can always be closed. */
  readonly #countable: (net: number) => number;
  #first: number | undefined;
  #count: number;
  #net: number;
  #lastEnd: Millis | undefined;
  readonly #suspects: Map<number, Suspect>;
  /** Their indices, oldest first: begun once, because each new look at a map's first key passes over all that are gone. */
  readonly #oldest: Iterator<number>;

  constructor(countable: (net: number) => number, saved: WindowState = NOTHING) {
    this.#countable = countable;
    const { first, count, net, lastEnd, suspects } = saved;
    this.#first = first;
    this.#count = count;
    this.#net = net;
    this.#lastEnd = lastEnd;
    this.#suspects = new Map(suspects.map(({ interval, ...suspect }) => [interval, suspect]));
    this.#oldest = this.#suspects.keys();
  }

  save(): WindowState {
    return {
      first: this.#first,
      count: this.#count,
      net: this.#net,
      lastEnd: this.#lastEnd,
      suspects: Array.from(this.#suspects, ([interval, suspect]) => ({ interval, ...suspect })),
    };
  }

  /** Entry `index` adds `net` mWh. */
  add(index: number, net: number): void {
    this.#first ??= index;
    this.#count += 1;
    this.#net = Math.max(-MOST_NET, Math.min(MOST_NET, this.#net + net));
  }

  /** Interval `index` is suspect; `inward` mWh join a later window if that is settled. */
  suspect(index: number, inward: number, now: Millis): void {
    this.#suspects.set(index, { in: milliwattHours(inward), since: now });
    if (this.#suspects.size > MOST_SUSPECTS) this.#suspects.delete(this.#oldest.next().value);
  }

  /** Those that can be settled at `now`, oldest first. */
  *open(now: Millis): Iterable<OpenSuspect> {
    for (const [interval, { in: inward, since }] of this.#suspects) {
      if (now - since > RESOLVE_WITHIN) continue;
      yield { interval, in: inward, until: millis(since + RESOLVE_WITHIN) };
    }
  }

  resolve(index: number, { interval, decision }: EnergyResolve, now: Millis): void {
    const suspect = this.#suspects.get(interval);
    if (suspect === undefined || now - suspect.since > RESOLVE_WITHIN) {
      throw new LedgerError("resolve", `entry ${interval} is no suspect interval that is open`);
    }
    this.#suspects.delete(interval);
    if (decision === "accept") this.add(index, suspect.in);
  }

  /** The window that would end at `t1`. */
  next(t0: Millis | undefined, t1: Millis): EnergyWindow {
    return {
      t0: this.#lastEnd ?? t0 ?? t1,
      t1,
      first: this.#first,
      count: this.#count,
      net: this.#countable(this.#net),
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
