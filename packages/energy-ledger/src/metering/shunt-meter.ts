import {
  type Micros,
  type Millis,
  type MilliwattHours,
  millis,
  milliwattHours,
} from "@wattseal/base";
import { ExactIntegral, MAX_STEP } from "./integral.js";
import { countersAgree, minutesWithin, TOLERANCE_MWH } from "./verdict.js";
import { crossesWindow, FULL_RESOLUTION } from "./window.js";

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

/** How exact a span is where modules' records begin and end at other moments than it does. */
export interface ShuntExactness {
  /** Power at its ends, 0.0003 W; positive is charging. */
  readonly power0: number;
  readonly power1: number;
  /** mWh that the largest step of power between two readings leaves open. */
  readonly edge: number;
}

export type ShuntTaken =
  | { readonly kind: "span"; readonly span: ShuntSpan; readonly exactness: ShuntExactness }
  /**
   * `silent`: no reading for over 5 s. `restarted`: its counters went back. `contradiction`: its counters and its
   * readings say different things. `short`: too little time for two readings, which says nothing against the shunt.
   */
  | { readonly kind: "none"; readonly reason: "silent" | "restarted" | "contradiction" | "short" };

interface Point extends ShuntPoint {
  readonly power: number;
}

/** 1 mWh in units of 0.0003 W × 1 µs. */
const RAW_MICROS_PER_MWH = 12_000_000_000;

const SHORT: ShuntTaken = { kind: "none", reason: "short" };

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
  /** End of the last window, µs; undefined in the window in which listening begins. */
  #windowEnd: number | undefined;
  /** Steps of power × their time, 0.0003 W · µs: the largest, and all of them. */
  #edge = 0;
  #edges = 0;
  /** Of the window that a reading past its end has closed. */
  #closed: ShuntTaken | undefined;
  #minutes = FULL_RESOLUTION;

  /** Spans end at every so many UTC minutes, a divisor of 60, from now on. The caller has closed what is open. */
  closeEvery(minutes: number): void {
    this.#minutes = minutes;
  }

  accept(point: ShuntPoint): void {
    const last = this.#last;
    const time = last !== undefined && point.time < last.time ? last.time : point.time;
    const next: Point = { ...point, time, power: point.voltage * point.current };
    if (last !== undefined && crossesWindow(last.time, next.time, this.#minutes)) {
      this.#closed = this.#close();
    }
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
    const open = last === undefined || last.time < boundary * 1000;
    const taken = open ? this.#closeAt(boundary) : (this.#closed ?? SHORT);
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
    this.#windowEnd = undefined;
    this.#take();
  }

  #step(last: Point, next: Point): void {
    const dt = next.time - last.time;
    const edge = Math.abs(next.power - last.power) * dt;
    this.#edge = Math.max(this.#edge, edge);
    this.#edges += edge;
    this.#in.add(Math.max(last.power, 0), Math.max(next.power, 0), dt);
    this.#out.add(Math.max(-last.power, 0), Math.max(-next.power, 0), dt);
  }

  #closeAt(end: Millis): ShuntTaken {
    const heardAt = this.#last?.time ?? this.#windowEnd ?? 1000 * end;
    if (1000 * end - heardAt > MAX_STEP) this.#broken ??= "silent";
    this.#windowEnd = 1000 * end;
    return this.#close();
  }

  #close(): ShuntTaken {
    const from = this.#from;
    const last = this.#last;
    const broken = this.#broken;
    const edge = openBy(this.#edge);
    const edges = openBy(this.#edges);
    const measured = this.#take();
    this.#from = last;
    if (broken !== undefined) return { kind: "none", reason: broken };
    if (from === undefined || last === undefined || from === last) return SHORT;
    if (!contradicts(from, last, measured, edges)) {
      const span = { t0: msOf(from), t1: msOf(last), ...measured };
      const exactness = { power0: from.power, power1: last.power, edge };
      return { kind: "span", span, exactness };
    }
    return { kind: "none", reason: "contradiction" };
  }

  #take(): Pick<ShuntSpan, "in" | "out"> {
    this.#broken = undefined;
    this.#edge = 0;
    this.#edges = 0;
    return { in: milliwattHours(this.#in.take()), out: milliwattHours(this.#out.take()) };
  }
}

/** mWh that a trapezoid over such a step, or such steps, leaves open. */
function openBy(steps: number): number {
  return steps / 2 / RAW_MICROS_PER_MWH;
}

/** A shunt counts between its readings too: that may differ by what the steps between them leave open, and 1 % and 100 mWh. */
function contradicts(
  from: Point,
  last: Point,
  measured: Pick<ShuntSpan, "in" | "out">,
  edges: number,
): boolean {
  const inward = last.inMwh - from.inMwh;
  const outward = last.outMwh - from.outMwh;
  const difference = Math.abs(inward - measured.in) + Math.abs(outward - measured.out);
  const within = TOLERANCE_MWH * minutesWithin({ t0: msOf(from), t1: msOf(last) });
  return !countersAgree({ difference: difference - 2 * edges - within, through: inward + outward });
}

function msOf({ time }: Point): Millis {
  return millis(Math.floor(time / 1000));
}
