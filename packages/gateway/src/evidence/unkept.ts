import { type Millis, millis } from "@wattseal/base";

/** Why readings were not kept: no room for them, a disk too slow for them, or one that failed. */
export type Why = "disk-pressure" | "disk-slow" | "disk-failed";

/** Readings came and were not kept. UTC ms: of the first and of the last of them. */
export interface Unkept {
  readonly why: Why;
  readonly from: Millis;
  readonly until: Millis;
}

interface Noted {
  readonly from: Millis;
  readonly until: Millis;
  readonly over: boolean;
}

/** What goes on for so long is told before it is over: a kill takes no more of it than that. */
const TOLD_AFTER_MS = 3_600_000;

/** Of the readings that were not kept, those of which nobody has been told. */
export class UnkeptReadings {
  readonly #noted = new Map<Why, Noted>();

  /** Readings from `from` to `until`, UTC ms. */
  note(why: Why, from: number, until: number): void {
    const before = this.#noted.get(why);
    const first = before?.from ?? millis(from);
    const last = millis(Math.max(first, before?.until ?? 0, until));
    this.#noted.set(why, { from: first, until: last, over: false });
  }

  /** For this reason no more are lost, for now; or what was noted is to be told at once. */
  over(why: Why): void {
    const noted = this.#noted.get(why);
    if (noted !== undefined) this.#noted.set(why, { ...noted, over: true });
  }

  /** Those to be told now; `all`: also those that go on. Nothing is taken twice. */
  take(all: boolean): readonly Unkept[] {
    const taken: Unkept[] = [];
    for (const [why, { from, until, over }] of this.#noted) {
      if (!all && !over && until - from < TOLD_AFTER_MS) continue;
      taken.push({ why, from, until });
      this.#noted.delete(why);
    }
    return taken;
  }
}
