import {
  type Micros,
  type Millis,
  type MilliwattHours,
  millis,
  milliwattHours,
} from "@wattseal/base";
import { ExactIntegral, MAX_STEP } from "./integral.js";
import { countersAgree } from "./verdict.js";
import { WINDOW } from "./window.js";

/** One reading of the pack's shunt. */
export interface ShuntPoint {
  /** A time below the one before counts as that. */
  readonly time: Micros;
  /** Steps of 0.015 V. */
  readonly voltage: number;
  /** Steps of 0.02 A; positive is charging. |current| ≤ 2^23. */
  readonly current: number;
  /** The shunt's own counters. */
  readonly inMwh: MilliwattHours;
  readonly outMwh: MilliwattHours;
}

/** What a shunt says of the time between two of its readings. */
export interface ShuntSpan {
  readonly t0: Millis;
  readonly t1: Millis;
  /** mWh by the integral of its readings. */
  readonly in: MilliwattHours;
  readonly out: MilliwattHours;
}

export type ShuntTaken =
  | { readonly kind: "span"; readonly span: ShuntSpan }
  /**
   * `silent`: no reading, or none for over 5 s. `restarted`: its counters went back. `contradiction`: its counters and
   * its readings say different things.
   */
  | { readonly kind: "none"; readonly reason: "silent" | "restarted" | "contradiction" };

interface Point extends ShuntPoint {
  readonly power: number;
}

const SILENT: ShuntTaken = { kind: "none", reason: "silent" };

/**
 * Meters the pack's shunt as a module is metered: the same integral, the same windows, a step over 5 s is a hole. A
 * span that has one says nothing. Pure: time comes with the readings.
 */
export class ShuntMeter {
  readonly #in = new ExactIntegral();
  readonly #out = new ExactIntegral();
  #from: Point | undefined;
  #last: Point | undefined;
  #broken: "silent" | "restarted" | undefined;
  /** Of the minute that a reading past its end has closed. */
  #closed: ShuntTaken | undefined;

  accept(point: ShuntPoint): void {
    const last = this.#last;
    const time = last !== undefined && point.time < last.time ? last.time : point.time;
    const next: Point = { ...point, time, power: point.voltage * point.current };
    if (last !== undefined && minuteOf(last) !== minuteOf(next)) this.#closed = this.#close();
    this.#from ??= next;
    this.#last = next;
    if (last === undefined) return;
    if (next.time - last.time > MAX_STEP) this.#broken ??= "silent";
    else if (next.inMwh < last.inMwh || next.outMwh < last.outMwh) this.#broken ??= "restarted";
    else this.#step(last, next);
  }

  /** The span up to the last reading before `boundary`, and the next one starts there. */
  closeWindow(boundary: Millis): ShuntTaken {
    const last = this.#last;
    const open = last !== undefined && last.time < boundary * 1000;
    const taken = open ? this.#closeAt(boundary) : (this.#closed ?? SILENT);
    this.#closed = undefined;
    return taken;
  }

  /** The span up to the last reading: the modules' intervals are closed early too. */
  close(now: Millis): ShuntTaken {
    this.#closed = undefined;
    return this.#closeAt(now);
  }

  /** What comes next starts afresh: the readings' times do not follow from those before. */
  interrupt(): void {
    this.#from = undefined;
    this.#last = undefined;
    this.#closed = undefined;
    this.#take();
  }

  #step(last: Point, next: Point): void {
    const dt = next.time - last.time;
    this.#in.add(Math.max(last.power, 0), Math.max(next.power, 0), dt);
    this.#out.add(Math.max(-last.power, 0), Math.max(-next.power, 0), dt);
  }

  #closeAt(end: Millis): ShuntTaken {
    const last = this.#last;
    if (last !== undefined && 1000 * end - last.time > MAX_STEP) this.#broken ??= "silent";
    return this.#close();
  }

  #close(): ShuntTaken {
    const from = this.#from;
    const last = this.#last;
    const broken = this.#broken;
    const measured = this.#take();
    this.#from = last;
    if (from === undefined || last === undefined || from === last) return SILENT;
    if (broken !== undefined) return { kind: "none", reason: broken };
    if (!contradicts(from, last, measured)) {
      return { kind: "span", span: { t0: msOf(from), t1: msOf(last), ...measured } };
    }
    return { kind: "none", reason: "contradiction" };
  }

  #take(): Pick<ShuntSpan, "in" | "out"> {
    this.#broken = undefined;
    return { in: milliwattHours(this.#in.take()), out: milliwattHours(this.#out.take()) };
  }
}

function contradicts(from: Point, last: Point, measured: Pick<ShuntSpan, "in" | "out">): boolean {
  const inward = last.inMwh - from.inMwh;
  const outward = last.outMwh - from.outMwh;
  const difference = Math.abs(inward - measured.in) + Math.abs(outward - measured.out);
  return !countersAgree({ difference, through: inward + outward });
}

function msOf({ time }: Point): Millis {
  return millis(Math.floor(time / 1000));
}

function minuteOf({ time }: Point): number {
  return Math.floor(time / (1000 * WINDOW));
}
