import { type Millis, millis } from "@wattseal/base";
import type { ClearValues } from "../catalogue/frames.js";
import { CLEAR_FRAMES } from "../catalogue/frames.js";
import type { LegacyReading, NotTold } from "./types.js";

/** A reading but for whose it is. */
export type Told = Pick<
  LegacyReading,
  "at" | "status1" | "status2" | "status3" | "body" | "notTold"
>;
type Part = 1 | 2 | 3;
const PART_LENGTH = 8;
const ALL = 0b111;
/** How far voltage and cell total of one module may lie apart, and how close the exchanged reading must fit. */
const APART = 0.2;
const FITS = 0.05;
const LEAST_VOLTS = 5;

/** Puts one module's status 1, 2 and 3 together; keeps what was told last of each. */
export class StatusRound {
  readonly #swapped: boolean;
  readonly #body = new Uint8Array(3 * PART_LENGTH);
  #known = 0;
  /** Parts of this round. */
  #fresh = 0;
  #at: Millis = millis(0);
  #askedAt: number | undefined;

  constructor(swapped: boolean) {
    this.#swapped = swapped;
  }

  /** When the status was asked for that has not been answered in full. */
  get askedAt(): number | undefined {
    return this.#askedAt;
  }

  /** Begins a round. */
  asked(now: number): void {
    this.#askedAt = now;
    this.#fresh = 0;
  }

  /** Takes a part as on the bus; returns the reading when it is the last one missing. */
  take(part: Part, data: Uint8Array, now: Millis): Told | undefined {
    this.#body.set(data, PART_LENGTH * (part - 1));
    if (part === 1) {
      if (this.#swapped) exchange(this.#body);
      this.#at = now;
    }
    const bit = 1 << (part - 1);
    this.#known |= bit;
    this.#fresh |= bit;
    return this.#fresh === ALL ? this.#finish() : undefined;
  }

  /** The round's time is over: a reading with what there is, if current and voltage are there. */
  expire(): Told | undefined {
    const enough = (this.#fresh & 1) !== 0;
    if (enough) return this.#finish();
    this.#askedAt = undefined;
    this.#fresh = 0;
    return undefined;
  }

  /** It started anew: what it said before is void. */
  reset(): void {
    this.#body.fill(0);
    this.#known = 0;
    this.#fresh = 0;
    this.#askedAt = undefined;
  }

  #finish(): Told {
    this.#askedAt = undefined;
    this.#fresh = 0;
    const body = this.#body.slice();
    const read = <V>(layout: { read(data: Uint8Array, offset: number): V }, part: Part) =>
      layout.read(body, PART_LENGTH * (part - 1));
    const status1 = read(CLEAR_FRAMES.status1.layout, 1);
    const known = (part: Part) => (this.#known & (1 << (part - 1))) !== 0;
    return {
      at: this.#at,
      status1,
      status2: known(2) ? read(CLEAR_FRAMES.status2.layout, 2) : undefined,
      status3: known(3) ? read(CLEAR_FRAMES.status3.layout, 3) : undefined,
      body,
      notTold: notToldIn(status1),
    };
  }
}

/**
 * Firmware in the field sends status, SOC and SOH as 0. No module has a health of 0 %, nor a status of Off while
 * its state is not Off; a charge of 0 % is believed of a module that tells its health.
 */
function notToldIn({ state, status, soc, soh }: ClearValues<"status1">): readonly NotTold[] {
  const notTold: NotTold[] = [];
  if (status === 0 && state !== 0) notTold.push("status");
  if (soc === 0 && soh === 0) notTold.push("soc");
  if (soh === 0) notTold.push("soh");
  return notTold;
}

/** Bytes 4-5 and 6-7. */
function exchange(body: Uint8Array): void {
  const voltage = body.slice(4, 6);
  body.copyWithin(4, 6, 8);
  body.set(voltage, 6);
}

/** The sum of its cells says that what stands in the place of current is the voltage. */
export function looksSwapped({ status1, status2, body }: Told): boolean {
  const total = status2?.cellTotal ?? 0;
  if (total < LEAST_VOLTS || Math.abs(status1.voltage - total) <= APART * total) return false;
  const exchanged = body.slice(0, PART_LENGTH);
  exchange(exchanged);
  const { voltage } = CLEAR_FRAMES.status1.layout.read(exchanged);
  return Math.abs(voltage - total) <= FITS * total;
}
