import type { Millis, MilliwattHours } from "@wattseal/base";
import { MAX_STEP, type Reading, rawPower, WINDOW } from "@wattseal/energy-ledger";

/** A paired module, and the last authenticated reading of it. */
export interface HeardModule {
  /** 0 when unknown. */
  readonly ratedCapacity: MilliwattHours;
  readonly reading: Pick<Reading, "time" | "soc" | "voltage" | "current"> | undefined;
}

export type PackEnd = "full" | "empty";

/** Steps of 0.5 %. */
const AT = { full: 200, empty: 0 } as const;
/** Seen this far from an end, a module has left it: the 5 % from which on the metering believes a change. */
const LEFT = { full: 190, empty: 10 } as const;
/** At an end no more flows, either way, than would fill or empty the module in 20 h: mWh in 20 h of 1 raw (0.3 mW). */
const MWH_IN_20_H = 6;

/** mWh that the module holds by its own state of charge. */
export function stockOf(soc: number, ratedCapacity: MilliwattHours): number {
  return Math.floor((soc * ratedCapacity) / AT.full);
}

/**
 * Tells when the whole pack arrives at full or at empty, where its stock is known better than the books can know it.
 *
 * At an end: every module's capacity is known, its last reading is at most 5 s old, its state of charge is 100 % (or
 * 0 %), and its power is at most capacity / 20 h. Arrived: at an end at the close of a window, after some module was
 * seen 5 % or more away from it at the close of an earlier one. So each arrival tells once, however the pack hovers
 * there, one that was not seen (because the gateway started at the end) does not tell, and two that tell are more
 * than a window apart.
 */
export class PackEnds {
  readonly #left = { full: false, empty: false };
  #toldAt = Number.NEGATIVE_INFINITY;

  /** At the close of each window, at `now`: the end at which the pack has arrived. */
  arrived(modules: readonly HeardModule[], now: Millis): PackEnd | undefined {
    const end = this.#arrivedAt("full", modules, now) ?? this.#arrivedAt("empty", modules, now);
    for (const { reading } of modules) {
      if (reading === undefined || !isFresh(reading, now)) continue;
      this.#left.full ||= reading.soc <= LEFT.full;
      this.#left.empty ||= reading.soc >= LEFT.empty;
    }
    return end;
  }

  #arrivedAt(end: PackEnd, modules: readonly HeardModule[], now: Millis): PackEnd | undefined {
    if (!this.#left[end] || now - this.#toldAt <= WINDOW) return undefined;
    if (modules.length === 0 || !modules.every((module) => isAt(end, module, now)))
      return undefined;
    this.#left[end] = false;
    this.#toldAt = now;
    return end;
  }
}

function isFresh({ time }: Pick<Reading, "time">, now: Millis): boolean {
  return now * 1000 - time <= MAX_STEP;
}

function isAt(end: PackEnd, { ratedCapacity, reading }: HeardModule, now: Millis): boolean {
  if (reading === undefined || !isFresh(reading, now) || ratedCapacity === 0) return false;
  const power = Math.abs(rawPower(reading.voltage, reading.current));
  return reading.soc === AT[end] && power * MWH_IN_20_H <= ratedCapacity;
}
