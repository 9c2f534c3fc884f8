import type { LinkAlarm } from "./alarm.js";
import { NEVER } from "./link-time.js";

type WithoutSuppressed<A> = A extends unknown ? Omit<A, "suppressed"> : never;
/** An alarm as it is raised. */
export type RaisedAlarm = WithoutSuppressed<LinkAlarm>;
/** As it is told: with how many others it stands for. */
type Told<Raised> = Raised & { readonly suppressed: number };

interface Meter<Raised> {
  quietUntil: number;
  /** Not told since the last one told, and the last of them. */
  untold: number;
  last: Raised;
}

/**
 * Lets one alarm of each key through per `spacingMs`. What came meanwhile is told when that time is over: as
 * the last of them, with the number of the others. So every alarm is counted in one that is told. There are as
 * many meters as keys: nobody on the bus may choose them freely.
 */
export class AlarmLimiter<Raised> {
  readonly #spacingMs: number;
  readonly #keyOf: (alarm: Raised) => string;
  readonly #meters = new Map<string, Meter<Raised>>();
  #deadline = NEVER;

  constructor(spacingMs: number, keyOf: (alarm: Raised) => string) {
    this.#spacingMs = spacingMs;
    this.#keyOf = keyOf;
  }

  /** When `due` has something to tell. */
  get deadline(): number {
    return this.#deadline;
  }

  /** Undefined when the alarm is only counted for now. */
  pass(alarm: Raised, now: number): Told<Raised> | undefined {
    const key = this.#keyOf(alarm);
    const meter = this.#meters.get(key);
    if (meter === undefined || (meter.untold === 0 && now >= meter.quietUntil)) {
      this.#meters.set(key, {
        quietUntil: now + this.#spacingMs,
        untold: 0,
        last: alarm,
      });
      return { ...alarm, suppressed: 0 };
    }
    meter.untold += 1;
    meter.last = alarm;
    this.#deadline = Math.min(this.#deadline, meter.quietUntil);
    return undefined;
  }

  due(now: number): readonly Told<Raised>[] {
    if (now < this.#deadline) return [];
    const told: Told<Raised>[] = [];
    this.#deadline = NEVER;
    for (const meter of this.#meters.values()) {
      if (meter.untold === 0) continue;
      if (now < meter.quietUntil) {
        this.#deadline = Math.min(this.#deadline, meter.quietUntil);
        continue;
      }
      told.push({ ...meter.last, suppressed: meter.untold - 1 });
      meter.untold = 0;
      meter.quietUntil = now + this.#spacingMs;
    }
    return told;
  }

  /** All that was held back, whatever the time: there will be no other. */
  rest(): readonly Told<Raised>[] {
    const meters = [...this.#meters.values()].filter(({ untold }) => untold > 0);
    this.#meters.clear();
    this.#deadline = NEVER;
    return meters.map(({ last, untold }) => ({ ...last, suppressed: untold - 1 }));
  }
}
