import {
  type Clock,
  type Logger,
  type Millis,
  type ModuleUid,
  millis,
  milliwattHours,
} from "@wattseal/base";
import type { PackPairing } from "@wattseal/device-keys";
import type { Reading, SocietyExpire, SocietyRollback } from "@wattseal/energy-ledger";
import type { EnergyLog } from "../ledger/energy-log.js";
import type { LogWriter } from "../ledger/log-writer.js";
import { PackEnds, stockOf } from "./pack-ends.js";

export interface BooksOptions {
  readonly log: EnergyLog;
  readonly writer: LogWriter;
  readonly pairing: PackPairing;
  /** With modules that nobody authenticates, no one can say when the whole pack is full or empty. */
  readonly legacy?: readonly unknown[] | undefined;
  /** The registered source that charges are attributed to. */
  readonly source: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Entries since the start that wasted more than the policy's bound (`wasteAlert`). */
export interface WasteStatus {
  readonly alerts: number;
  /** The last of them: its index, UTC ms, mWh of lots that expired or were not there. */
  readonly last?: { readonly entry: number; readonly time: Millis; readonly mwh: number };
}

type Told = Pick<Reading, "time" | "soc" | "voltage" | "current">;

/** Keeps the society's books behind the metering: opening, what is due, window, reconciling, charge. */
export class Books {
  readonly #options: BooksOptions;
  readonly #heard = new Map<ModuleUid, Told>();
  readonly #ends = new PackEnds();

  #waste: WasteStatus = { alerts: 0 };
  /** The last window left something eligible of which nothing could be charged. */
  #isUncharged = false;

  constructor(options: BooksOptions) {
    this.#options = options;
  }

  get waste(): WasteStatus {
    return this.#waste;
  }

  /** A paired module's authenticated reading. */
  heard(module: ModuleUid, { time, soc, voltage, current }: Told): void {
    this.#heard.set(module, { time, soc, voltage, current });
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
    if (!writer.record({ type: "energy.window", body: window, timeMs: now })) return;
    this.#reconcile(until, now);
    // Under the epoch of a run that is over nobody vouches for what this one measures: it stays eligible.
    if (log.epochEvidence === undefined) return;
    const charge = fold.society.chargeFor(now, source);
    if (charge !== undefined) writer.record({ type: "society.charge", body: charge, timeMs: now });
    this.#tellUncharged(charge === undefined, now);
  }

  /** Tells an operator, once, that only the authority can help: with a newer proof of the source, a policy, or a mint. */
  #tellUncharged(isNothingCharged: boolean, now: Millis): void {
    const { log, source, logger } = this.#options;
    const { society } = log.fold;
    const { eligible, adp } = society.summary();
    const isUncharged = isNothingCharged && eligible > 0;
    if (isUncharged && !this.#isUncharged) {
      const covered = society.sourceLeft(source, now);
      logger.warn("society.uncharged", { eligible, source, covered, adp });
    }
    this.#isUncharged = isUncharged;
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
      if (due.type !== "society.trade") this.tellWaste(log.fold.size - 1, due.body, now);
    }
  }

  /** Tells an operator of an entry that wasted more than the policy's bound. */
  tellWaste(entry: number, body: SocietyExpire | SocietyRollback, time: Millis): void {
    if (!this.#options.log.fold.society.alerts(body)) return;
    this.#alert({ entry, time, mwh: body.lots.reduce((sum, { amount }) => sum + amount, 0) });
  }

  #alert(last: NonNullable<WasteStatus["last"]>): void {
    this.#waste = { alerts: this.#waste.alerts + 1, last };
    this.#options.logger.warn("society.waste", { entry: last.entry, mwh: last.mwh });
  }

  /** Where the window leaves the whole pack at an end of its range, the books are set to what is there. */
  #reconcile(until: Millis, now: Millis): void {
    const { pairing, legacy = [], logger, writer, log } = this.#options;
    const { fold } = log;
    if (legacy.length > 0) return;
    const modules = pairing.modules.map(({ uid, ratedCapacity }) => ({
      ratedCapacity,
      reading: this.#heard.get(uid),
    }));
    const kind = this.#ends.arrived(modules, until);
    if (kind === undefined) return;
    const stock = modules.reduce(
      (sum, { ratedCapacity, reading }) => sum + stockOf(reading?.soc ?? 0, ratedCapacity),
      0,
    );
    const basis = `state of charge × rated capacity of ${modules.length} modules, all ${kind} and at rest`;
    const body = { kind, stock: milliwattHours(stock), basis } as const;
    const before = fold.summary();
    if (!writer.record({ type: "energy.reconcile", body, timeMs: now })) return;
    const after = fold.summary();
    const loss = after.recordedLoss - before.recordedLoss;
    logger.info("society.reconciled", { kind, stock, loss });
    const mwh = after.wasted - before.wasted;
    const bound = fold.society.policy?.wasteAlert ?? Number.POSITIVE_INFINITY;
    if (mwh > bound) this.#alert({ entry: fold.size - 1, time: now, mwh });
  }

  /** The stock that the books start from, once: of the modules that have told their state of charge by the first window. */
  #open(): void {
    const { pairing, logger, writer } = this.#options;
    let stock = 0;
    let heard = 0;
    for (const { uid, ratedCapacity } of pairing.modules) {
      const soc = this.#heard.get(uid)?.soc;
      if (soc === undefined) {
        logger.warn("society.opened-without", { module: uid });
        continue;
      }
      heard += 1;
      stock += stockOf(soc, ratedCapacity);
    }
    const basis = `state of charge × rated capacity of ${heard} of ${pairing.modules.length} modules`;
    writer.record({
      type: "energy.reconcile",
      body: { kind: "opening", stock: milliwattHours(stock), basis },
    });
  }
}
