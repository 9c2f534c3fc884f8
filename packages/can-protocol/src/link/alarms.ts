import type { LinkAlarm } from "./alarm.js";
import { NEVER } from "./link-time.js";

type WithoutSuppressed<A> = A extends unknown ? Omit<A, "suppressed"> : never;
/** An alarm as it is raised. */
export type RaisedAlarm = WithoutSuppressed<LinkAlarm>;

interface Meter {
  quietUntil: number;
  /** Not told since the last one told, and the last of them. */
  untold: number;
  last: RaisedAlarm;
}

/**
 * Lets one alarm of each kind through per `spacingMs`. What came meanwhile is told when that time is over: as
 * the last of them, with the number of the others. So every alarm is counted in one that is told.
 */
export class AlarmLimiter {
  readonly #spacingMs: number;
  readonly #meters = new Map<LinkAlarm["kind"], Meter>();
  #deadline = NEVER;

  constructor(spacingMs: number) {
    this.#spacingMs = spacingMs;
  }

  /** When `due` has something to tell. */
  get deadline(): number {
    return this.#deadline;
  }

  /** Undefined when the alarm is only counted for now. */
  pass(alarm: RaisedAlarm, now: number): LinkAlarm | undefined {
    const meter = this.#meters.get(alarm.kind);
    if (meter === undefined || (meter.untold === 0 && now >= meter.quietUntil)) {
      this.#meters.set(alarm.kind, {
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

  due(now: number): readonly LinkAlarm[] {
    if (now < this.#deadline) return [];
    const told: LinkAlarm[] = [];
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
}
