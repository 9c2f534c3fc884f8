import {
  type Clock,
  type Logger,
  type Millis,
  type ModuleUid,
  millis,
  milliwattHours,
} from "@wattseal/base";
import type { PackPairing } from "@wattseal/device-keys";
import type { DueEntry } from "@wattseal/energy-ledger";
import type { EnergyLog } from "../ledger/energy-log.js";
import type { LogWriter } from "../ledger/log-writer.js";

export interface BooksOptions {
  readonly log: EnergyLog;
  readonly writer: LogWriter;
  readonly pairing: PackPairing;
  /** The registered source that charges are attributed to. */
  readonly source: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Entries since the start that wasted more than the policy's bound (`wasteAlert`). */
export interface WasteStatus {
  readonly alerts: number;
  /** The last of them: its index, UTC ms, mWh of lots that expired. */
  readonly last?: { readonly entry: number; readonly time: Millis; readonly mwh: number };
}

/** Keeps the society's books behind the metering: opening, what is due, window, charge. */
export class Books {
  readonly #options: BooksOptions;
  /** Last state of charge by module, 0.5 % steps. */
  readonly #soc = new Map<ModuleUid, number>();

  #waste: WasteStatus = { alerts: 0 };

  constructor(options: BooksOptions) {
    this.#options = options;
  }

  get waste(): WasteStatus {
    return this.#waste;
  }

  /** A module's authenticated state of charge, 0.5 % steps. */
  heard(module: ModuleUid, soc: number): void {
    this.#soc.set(module, soc);
  }

  /** Closes the window that ends at `until`: every interval and gap of it has been entered. */
  close(until: Millis): void {
    const { log, source, writer } = this.#options;
    const { fold } = log;
    const window = fold.nextWindow(until);
    // Nothing to close: what comes later joins the next window.
    if (window.t1 <= window.t0) return;
    if (!fold.society.opened) {
      if (window.count === 0) return;
      this.#open();
    }
    const now = this.enterDue(until);
    if (now === undefined) return;
    writer.record({ type: "energy.window", body: window, timeMs: now });
    const charge = fold.society.chargeFor(now, source);
    if (charge !== undefined) writer.record({ type: "society.charge", body: charge, timeMs: now });
  }

  /**
   * Enters what has to come before anything else that touches lots. Returns the time, `from` or later, at which nothing
   * else is due: what follows is dated by it, because the next millisecond may have another lot past its date.
   * Undefined when the log refused.
   */
  enterDue(from: Millis): Millis | undefined {
    const { log, clock, writer } = this.#options;
    const now = millis(Math.max(from, clock.now(), log.fold.time));
    for (;;) {
      const due = log.fold.society.dueEntry(now);
      if (due === undefined) return now;
      if (!writer.record({ ...due, timeMs: now })) return undefined;
      this.tellWaste(log.fold.size - 1, due.body, now);
    }
  }

  /** Tells an operator of an entry that wasted more than the policy's bound. */
  tellWaste(entry: number, body: DueEntry["body"], time: Millis): void {
    const { log, logger } = this.#options;
    if (!log.fold.society.alerts(body)) return;
    const mwh = body.lots.reduce((sum, { amount }) => sum + amount, 0);
    this.#waste = { alerts: this.#waste.alerts + 1, last: { entry, time, mwh } };
    logger.warn("society.waste", { entry, mwh, lots: body.lots.length });
  }

  /** The stock that the books start from, once: of the modules that have told their state of charge by the first window. */
  #open(): void {
    const { pairing, logger, writer } = this.#options;
    let stock = 0;
    let heard = 0;
    for (const { uid, ratedCapacity } of pairing.modules) {
      const soc = this.#soc.get(uid);
      if (soc === undefined) {
        logger.warn("society.opened-without", { module: uid });
        continue;
      }
      heard += 1;
      stock += Math.floor((soc * ratedCapacity) / 200);
    }
    const basis = `state of charge × rated capacity of ${heard} of ${pairing.modules.length} modules`;
    writer.record({
      type: "energy.reconcile",
      body: { kind: "opening", stock: milliwattHours(stock), basis },
    });
  }
}
