import type { Slot } from "@wattseal/base";
import { type ClearOptions, encodeClear } from "../catalogue/clear-codec.js";
import type { ClearFrameName, ClearValues } from "../catalogue/frames.js";
import { CanProtocolError } from "../errors.js";
import type { AlarmLimiter } from "../link/alarms.js";
import { newClearLimiter } from "./clear-guard.js";
import type { ModuleRecord } from "./module-record.js";
import type { LegacyEvent, LegacyPackEffect, RaisedClearAlarm } from "./types.js";

type WithoutUid<E> = E extends unknown ? Omit<E, "uid"> : never;
const NOTHING: readonly LegacyPackEffect[] = [];

/** Collects what is to be done; the only place from which clear frames leave. */
export class Voice {
  readonly #secured: ReadonlySet<number>;
  readonly #limiter: AlarmLimiter<RaisedClearAlarm>;
  #out: LegacyPackEffect[] = [];

  constructor(secured: readonly Slot[], alarmSpacingMs: number) {
    this.#secured = new Set(secured);
    this.#limiter = newClearLimiter(alarmSpacingMs);
  }

  /** To all, or to all that are unregistered. */
  broadcast<N extends ClearFrameName>(name: N, values: ClearValues<N>): void {
    this.#out.push({ kind: "transmit", frame: encodeClear(name, values) });
  }

  /** To one module id; to a paired slot, never. */
  send<N extends ClearFrameName>(
    name: N,
    address: Slot,
    values: ClearValues<N>,
    options: Omit<ClearOptions, "address"> = {},
  ): void {
    if (this.#secured.has(address)) {
      throw new CanProtocolError("legacy-modules", "invariant", `slot ${address} is paired`);
    }
    this.#out.push({ kind: "transmit", frame: encodeClear(name, values, { ...options, address }) });
  }

  tell(effect: LegacyPackEffect): void {
    this.#out.push(effect);
  }

  event({ uid }: ModuleRecord, event: WithoutUid<LegacyEvent>): void {
    this.#out.push({ kind: "event", event: { uid, ...event } });
  }

  alarm(raised: RaisedClearAlarm, now: number): void {
    const alarm = this.#limiter.pass(raised, now);
    if (alarm !== undefined) this.#out.push({ kind: "alarm", alarm });
  }

  /** When alarms that were only counted are to be told. */
  get alarmsDeadline(): number {
    return this.#limiter.deadline;
  }

  tellAlarms(now: number): void {
    for (const alarm of this.#limiter.due(now)) this.#out.push({ kind: "alarm", alarm });
  }

  /** All that were only counted. */
  tellLastAlarms(): void {
    for (const alarm of this.#limiter.rest()) this.#out.push({ kind: "alarm", alarm });
  }

  flush(): readonly LegacyPackEffect[] {
    if (this.#out.length === 0) return NOTHING;
    const effects = this.#out;
    this.#out = [];
    return effects;
  }
}
