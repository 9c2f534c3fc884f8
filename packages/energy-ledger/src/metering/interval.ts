import { type Micros, type Millis, millis, milliwattHours } from "@wattseal/base";
import type { Counters, EnergyInterval } from "../entries/energy.js";
import { ReadingDigest } from "./digest.js";
import { Extremes, type RawState } from "./extremes.js";
import { ExactIntegral, rawPower } from "./integral.js";

/** A reading as the meter takes it: at which one interval ends and the next starts. */
export interface Point extends RawState {
  readonly time: Micros;
  readonly counters: Counters | undefined;
}

/** What the digest covers of a reading. */
export interface DigestedPdu {
  /** Counter of the sealed PDU, its inner type, and its body (read, not kept). */
  readonly counter: number;
  readonly type: number;
  readonly body: Uint8Array;
}

/** Remainders of the integral that an interval starts with, in and out: units of 1/24e9 mWh, below one mWh each. */
export interface Carried {
  readonly in: number;
  readonly out: number;
}
export const NOTHING_CARRIED: Carried = { in: 0, out: 0 };

/** What is measured of an interval; what is judged of it, and whose it is, comes from elsewhere. */
export type MeasuredInterval = Omit<EnergyInterval, "module" | "verdict">;

/** One interval as it grows. The meter and whoever derives its intervals again both measure with this. */
export class OpenInterval {
  /** What it started with. */
  readonly carried: Carried;
  readonly #from: Point;
  readonly #extremes: Extremes;
  readonly #in: ExactIntegral;
  readonly #out: ExactIntegral;
  readonly #digest = new ReadingDigest();
  #readings = 0;

  /** `from`: the last reading before it, or its own first one where nothing came before. */
  constructor(from: Point, carried: Carried) {
    this.carried = carried;
    this.#from = from;
    this.#extremes = new Extremes(from);
    this.#in = new ExactIntegral(carried.in);
    this.#out = new ExactIntegral(carried.out);
  }

  get readings(): number {
    return this.#readings;
  }

  /** What is left for the next interval. */
  get remainder(): Carried {
    return { in: this.#in.remainder, out: this.#out.remainder };
  }

  /** The energy between two readings. */
  step(last: Point, point: Point): void {
    const power0 = rawPower(last.voltage, last.current);
    const power1 = rawPower(point.voltage, point.current);
    const dt = point.time - last.time;
    this.#in.add(Math.max(power0, 0), Math.max(power1, 0), dt);
    this.#out.add(Math.max(-power0, 0), Math.max(-power1, 0), dt);
  }

  /** Counts a reading; `session` is the handshake hash of the one that sealed it, undefined where nothing did. */
  add(point: Point, session: Uint8Array | undefined, { counter, type, body }: DigestedPdu): void {
    this.#extremes.add(point);
    this.#readings += 1;
    if (session !== undefined) this.#digest.add(session, counter, type, body);
  }

  /** Ends it at its last reading. Legacy modules have no digest. */
  close(last: Point, authenticated: boolean): MeasuredInterval {
    const integralIn = milliwattHours(this.#in.take());
    const integralOut = milliwattHours(this.#out.take());
    const { counters: start } = this.#from;
    const { counters: end } = last;
    const record =
      start === undefined ? { in: integralIn, out: integralOut } : passedBetween(start, end);
    return {
      t0: msOf(this.#from.time),
      t1: msOf(last.time),
      ...record,
      start,
      end,
      integralIn,
      integralOut,
      ...this.#extremes.fields(),
      readings: this.#readings,
      digest: authenticated ? this.#digest.take() : undefined,
    };
  }
}

export function msOf(time: Micros): Millis {
  return millis(Math.floor(time / 1000));
}

/** The counters' difference, mWh; zero where a module has none. */
export function passedBetween(start: Counters | undefined, end: Counters | undefined) {
  const known = start !== undefined && end !== undefined;
  return {
    in: milliwattHours(known ? end.in - start.in : 0),
    out: milliwattHours(known ? end.out - start.out : 0),
  };
}

/** Where a counter goes back an interval ends: what passed is not known. */
export function wentBack(from: Counters | undefined, to: Counters | undefined): boolean {
  if (from === undefined || to === undefined) return false;
  return to.in < from.in || to.out < from.out;
}
