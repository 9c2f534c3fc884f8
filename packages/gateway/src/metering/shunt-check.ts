import type { Logger, Millis, ModuleUid } from "@wattseal/base";
import type { ShuntSample } from "@wattseal/can-protocol";
import {
  MAX_STEP,
  type MeterEntry,
  type ShuntExactness,
  ShuntMeter,
  type ShuntSpan,
  type ShuntTaken,
} from "@wattseal/energy-ledger";
import type { EnergyLog } from "../ledger/energy-log.js";
import type { LogWriter } from "../ledger/log-writer.js";

export interface ShuntCheckOptions {
  /** As its energy.check entries name it. */
  readonly name: string;
  readonly log: EnergyLog;
  readonly writer: LogWriter;
  readonly logger: Logger;
  /** Whose records it is held against. */
  readonly modules: readonly ModuleUid[];
}

export interface ShuntChecks {
  /** energy.check entries since the start, and how many of them made suspects. */
  readonly entered: number;
  readonly suspect: number;
  /** Windows since the start that no check could be entered for. */
  readonly missed: number;
}

const NEAR = MAX_STEP / 1000;
/** A module that does not hear its pack opens its relay 11.1 s later: so long it may carry current unheard. */
const UNHEARD = 15_000;

/** Enters what the shunt says of the modules' records, before each window closes. */
export class ShuntCheck {
  readonly #options: ShuntCheckOptions;
  readonly #meter = new ShuntMeter();
  /** Of modules' records since the last window: where each begins and ends. */
  #records = new Map<ModuleUid, { t0: Millis; t1: Millis }>();
  /** mWh through them. */
  #through = 0;
  /** A module's counters went back: what passed meanwhile is in no record. */
  #unknown = false;
  #counts = { entered: 0, suspect: 0, missed: 0 };

  constructor(options: ShuntCheckOptions) {
    this.#options = options;
    this.closeEvery(options.log.fold.resolution);
  }

  get counts(): ShuntChecks {
    return this.#counts;
  }

  take(sample: ShuntSample): void {
    this.#meter.accept(sample);
  }

  /** As the meters. */
  closeEvery(minutes: number): void {
    this.#meter.closeEvery(minutes);
  }

  /** The readings' times do not follow from those before. */
  interrupt(): void {
    this.#meter.interrupt();
  }

  /** A module's record that has been entered. */
  recorded({ type, body }: MeterEntry): void {
    if (type === "energy.reset") {
      this.#unknown = true;
      return;
    }
    const { module, t0, t1 } = body;
    this.#through += body.in + body.out;
    const known = this.#records.get(module);
    if (known === undefined) this.#records.set(module, { t0, t1 });
    else known.t1 = t1;
  }

  /** The minute that ends at `boundary` is over, the modules' records of it are entered. Returns what keeps the shunt from being of use. */
  closeWindow(boundary: Millis, now: Millis): string | undefined {
    return this.#enter(this.#meter.closeWindow(boundary), now);
  }

  /** As closeWindow, ahead of the minute. */
  close(now: Millis): string | undefined {
    return this.#enter(this.#meter.close(now), now);
  }

  #enter(taken: ShuntTaken, now: Millis): string | undefined {
    const unknown = this.#unknown;
    const records = [...this.#records.values()];
    const through = this.#through;
    this.#unknown = false;
    this.#records = new Map();
    this.#through = 0;
    if (taken.kind === "none") {
      this.#missed(taken.reason);
      return taken.reason === "short" ? undefined : taken.reason;
    }
    const { fold } = this.#options.log;
    const check = fold.nextCheck({ shunt: this.#options.name, ...taken.span });
    if (check === undefined) return undefined;
    const unlike = unknown
      ? "a module's counters went back"
      : !this.#isWhole(taken.span)
        ? "a module's record ends within the window"
        : isDecidable(taken, records, through)
          ? fold.checkFault(check, now)
          : "readings too far apart for the energy that passed";
    if (unlike !== undefined) {
      this.#missed(unlike);
      return undefined;
    }
    if (!this.#options.writer.record({ type: "energy.check", body: check })) return undefined;
    const suspect = check.verdict === "suspect";
    if (suspect) {
      const { in: inward, out, first, count } = check;
      this.#options.logger.warn("shunt.suspect", { first, count, in: inward, out });
    }
    this.#count({ entered: 1, suspect: suspect ? 1 : 0, missed: 0 });
    return undefined;
  }

  /** A module that fell silent on the way may have carried current that no record of this window has. */
  #isWhole({ t0, t1 }: ShuntSpan): boolean {
    const { log, modules } = this.#options;
    return modules.every((module) => {
      const end = log.fold.moduleEnd(module)?.t1;
      return end === undefined || end <= t0 - UNHEARD || end >= t1 - NEAR;
    });
  }

  #missed(reason: string): void {
    this.#count({ entered: 0, suspect: 0, missed: 1 });
    this.#options.logger.info("shunt.unchecked", { reason });
  }

  #count(more: ShuntChecks): void {
    const { entered, suspect, missed } = this.#counts;
    this.#counts = {
      entered: entered + more.entered,
      suspect: suspect + more.suspect,
      missed: missed + more.missed,
    };
  }
}

/** 1 mWh in units of 0.0003 W × 1 ms. */
const RAW_MS_PER_MWH = 12_000_000;
const mean = (values: readonly number[]) =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);

/**
 * Modules read at other moments than the shunt, and power may step between two readings. Where what that leaves open
 * is over half of what a check allows (1 % and 100 mWh), the check would be of the moments, not of the energy.
 */
function isDecidable(
  { span, exactness }: { readonly span: ShuntSpan; readonly exactness: ShuntExactness },
  records: readonly { readonly t0: Millis; readonly t1: Millis }[],
  through: number,
): boolean {
  const before = mean(records.map(({ t0 }) => span.t0 - t0));
  const after = mean(records.map(({ t1 }) => t1 - span.t1));
  const { power0, power1, edge } = exactness;
  const beyond = Math.abs(power0 * before + power1 * after) / RAW_MS_PER_MWH;
  return 2 * (beyond + edge) <= 100 + through / 100;
}
