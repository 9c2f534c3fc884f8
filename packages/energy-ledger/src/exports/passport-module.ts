/** What one module's record says of its use. */
import type { ModuleUid } from "@wattseal/base";
import type { EnergyGap, EnergyInterval } from "../entries/energy.js";
import { ModuleEvents, type PassportLimits } from "./events.js";

/** Sums stay exact integers; beyond this they stand still, far above any battery's life. */
const sum = (a: number, b: number) => Math.min(Number.MAX_SAFE_INTEGER, a + b);

interface Extreme {
  /** Raw value of the bus. */
  readonly raw: number;
  readonly entry: number;
}

export class PassportModule {
  readonly uid: ModuleUid;
  readonly events: ModuleEvents;
  /** mWh; 0 when unknown. */
  capacity = 0;
  paired = false;
  chargedMwh = 0;
  dischargedMwh = 0;
  /** Consistent, and the pack's shunt may still not bear it out: until its check, or the window. */
  pendingInMwh = 0;
  pendingOutMwh = 0;
  unprovenInMwh = 0;
  unprovenOutMwh = 0;
  /** Steps of 0.5 %, at the end of the last authenticated interval, and which that is. */
  soc: { readonly raw: number; readonly time: number; readonly entry: number } | undefined;
  hottest: Extreme | undefined;
  coldest: Extreme | undefined;
  first: number | undefined;
  last: number | undefined;

  constructor(uid: ModuleUid, limits: PassportLimits) {
    this.uid = uid;
    this.events = new ModuleEvents(limits);
  }

  interval(index: number, interval: EnergyInterval): void {
    this.#seen(index);
    if (interval.verdict === "consistent") {
      this.pendingInMwh = sum(this.pendingInMwh, interval.in);
      this.pendingOutMwh = sum(this.pendingOutMwh, interval.out);
    } else this.#unproven(interval);
    // a module without a sealed link may be anyone: its temperatures and states of charge count for nothing
    if (interval.end === undefined) return;
    this.events.take(index, interval);
    if (interval.socEnd <= 200)
      this.soc = { raw: interval.socEnd, time: interval.t1, entry: index };
    const { temperatureHigh, temperatureLow } = interval;
    if (this.hottest === undefined || temperatureHigh > this.hottest.raw) {
      this.hottest = { raw: temperatureHigh, entry: index };
    }
    if (this.coldest === undefined || temperatureLow < this.coldest.raw) {
      this.coldest = { raw: temperatureLow, entry: index };
    }
  }

  gap(index: number, gap: EnergyGap): void {
    this.#seen(index);
    this.#unproven(gap);
  }

  settle(borneOut: boolean): void {
    const [inward, out] = [this.pendingInMwh, this.pendingOutMwh];
    this.pendingInMwh = 0;
    this.pendingOutMwh = 0;
    if (borneOut) {
      this.chargedMwh = sum(this.chargedMwh, inward);
      this.dischargedMwh = sum(this.dischargedMwh, out);
    } else this.#unproven({ in: inward, out });
  }

  /** Full cycles by what came out, in hundredths; undefined where the capacity is unknown. */
  get centiCycles(): number | undefined {
    return this.capacity === 0 ? undefined : centiCycles(this.dischargedMwh, this.capacity);
  }

  #unproven({ in: inward, out }: { readonly in: number; readonly out: number }): void {
    this.unprovenInMwh = sum(this.unprovenInMwh, inward);
    this.unprovenOutMwh = sum(this.unprovenOutMwh, out);
  }

  #seen(index: number): void {
    this.first ??= index;
    this.last = index;
  }
}

/** ⌊100 × discharged / capacity⌋, exactly. */
export function centiCycles(discharged: number, capacity: number): number {
  return Number((100n * BigInt(discharged)) / BigInt(capacity));
}
