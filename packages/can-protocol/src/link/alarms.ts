import type { LinkAlarm } from "./types.js";

type WithoutSuppressed<A> = A extends unknown ? Omit<A, "suppressed"> : never;
/** An alarm as it is raised. */
export type RaisedAlarm = WithoutSuppressed<LinkAlarm>;

interface Meter {
  quietUntil: number;
  suppressed: number;
}

/** Lets one alarm of each kind through per `spacingMs`, and tells it how many it stands for. */
export class AlarmLimiter {
  readonly #spacingMs: number;
  readonly #meters = new Map<LinkAlarm["kind"], Meter>();

  constructor(spacingMs: number) {
    this.#spacingMs = spacingMs;
  }

  /** Undefined when the alarm is only counted. */
  pass(alarm: RaisedAlarm, now: number): LinkAlarm | undefined {
    const meter = this.#meters.get(alarm.kind) ?? { quietUntil: 0, suppressed: 0 };
    this.#meters.set(alarm.kind, meter);
    if (now < meter.quietUntil) {
      meter.suppressed += 1;
      return undefined;
    }
    const { suppressed } = meter;
    meter.quietUntil = now + this.#spacingMs;
    meter.suppressed = 0;
    return { ...alarm, suppressed };
  }
}
