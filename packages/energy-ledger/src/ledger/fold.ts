import { type LctId, type Millis, type ModuleUid, millis } from "@wattseal/base";
import type { EnergyCheck, EnergyGap, EnergyInterval, EnergyWindow } from "../entries/energy.js";
import type { Entry } from "../entries/entry.js";
import type { EpochBegin, EpochEnd } from "../entries/lifecycle.js";
import { LedgerError } from "../errors.js";
import type { ModuleEnd } from "../metering/meter.js";
import { FULL_RESOLUTION, MOST_MINUTES, WINDOW } from "../metering/window.js";
import type { LedgerState, PairingState } from "../snapshot/state.js";
import type { SocietyContext } from "../society/charter.js";
import { SocietyFold } from "../society/fold.js";
import type { EpochState } from "../society/policy.js";
import type { SocietySummary } from "../society/summary.js";
import type { EpochStanding, LedgerChecks } from "./checks.js";
import { checkCommand, checkOutcome } from "./commands.js";
import { checkLoss } from "./loss.js";
import { ModuleBook } from "./modules.js";
import { located, requireType } from "./refusal.js";
import { ShuntBook, type ShuntReading } from "./shunt.js";
import { type EnergyTotals, TotalsBook } from "./totals.js";
import type { Counted } from "./unproven.js";
import { type OpenSuspect, WindowBook } from "./windows.js";

/** How far apart ops.snapshot entries stand at least: checking one costs what the state is large, not what was entered. */
export const SNAPSHOT_SPACING = 1_024;

/** A ledger as it stood: what `LedgerFold.save` gave, and what `LedgerChecks` had made of document and epochs. */
export interface SavedLedger {
  /** Entries applied. */
  readonly size: number;
  readonly lct: LctId;
  /** The last one that began. */
  readonly epoch: EpochStanding;
  readonly state: LedgerState;
}

/**
 * One log as a fold: the order of entries, every module's chain, windows, and the society. The same code in
 * gateway, federation and verifier, so that what one writes the others can recompute.
 */
export class LedgerFold {
  readonly society: SocietyFold;
  readonly #checks: LedgerChecks;
  readonly #modules: ModuleBook;
  readonly #windows: WindowBook;
  readonly #shunt: ShuntBook;
  readonly #totals: TotalsBook;
  readonly #context: {
    lct: LctId | undefined;
    epochState: EpochState | undefined;
    synchronised: boolean;
  } & SocietyContext;
  #size: number;
  #time: Millis;
  #epoch: EpochStanding | undefined;
  #ended: boolean;
  #lastSnapshot: number;
  #resolution: number;

  /** From entry 0 on, or from where `saved` stood: InvariantViolation, then, where its books do not balance. */
  constructor(checks: LedgerChecks, saved?: SavedLedger) {
    const state = saved?.state;
    this.#checks = checks;
    this.#context = {
      lct: saved?.lct,
      epochState: saved?.epoch.state,
      synchronised: state?.synchronised ?? false,
      verifyAuthority: (sign1, index) => checks.authority(sign1, index),
      verifyForeign: (proof, witnesses) => checks.foreign(proof, witnesses),
    };
    this.society = new SocietyFold(this.#context, state?.society);
    this.#modules = new ModuleBook(state?.modules);
    this.#windows = new WindowBook((net) => this.society.countable(net), state?.window);
    this.#shunt = new ShuntBook(state?.shunt);
    this.#totals = new TotalsBook(state?.totals);
    this.#size = saved?.size ?? 0;
    this.#time = state?.time ?? millis(0);
    this.#epoch = saved?.epoch;
    this.#ended = state?.ended ?? false;
    this.#lastSnapshot = state?.lastSnapshot ?? 0;
    this.#resolution = state?.resolution ?? FULL_RESOLUTION;
  }

  /** All that the entries so far leave, but for what the checks know: document and epochs. Shared, not to be written to. */
  save(): LedgerState {
    return {
      time: this.#time,
      synchronised: this.#context.synchronised,
      ended: this.#ended,
      lastSnapshot: this.#lastSnapshot,
      totals: this.#totals.save(),
      modules: this.#modules.save(),
      window: this.#windows.save(),
      shunt: this.#shunt.save(),
      society: this.society.save(),
      resolution: this.#resolution,
    };
  }

  /** Entries applied; the next one's index. */
  get size(): number {
    return this.#size;
  }

  /** Of the last entry: the next one's is not below it. */
  get time(): Millis {
    return this.#time;
  }

  get lct(): LctId | undefined {
    return this.#context.lct;
  }

  /** The present epoch has had its last entry: nothing but the next one's first can follow. */
  get epochEnded(): boolean {
    return this.#ended;
  }

  get epoch(): EpochStanding | undefined {
    return this.#epoch;
  }

  get synchronised(): boolean {
    return this.#context.synchronised;
  }

  get totals(): EnergyTotals {
    return this.#totals.save();
  }

  /** Index of the last ops.snapshot; 0 before it. */
  get lastSnapshot(): number {
    return this.#lastSnapshot;
  }

  /** UTC minutes that an interval may take from here on: 1, or more after an energy.resolution. */
  get resolution(): number {
    return this.#resolution;
  }

  summary(): SocietySummary {
    return this.society.summary();
  }

  /** Where a module's record ends; undefined before its first interval. */
  moduleEnd(module: ModuleUid): ModuleEnd | undefined {
    return this.#modules.end(module);
  }

  /** Modules paired at this point of the log. */
  pairedModules(): readonly ModuleUid[] {
    return this.#modules.paired();
  }

  /** The pairing in force of a module that is paired. */
  pairing(module: ModuleUid): PairingState | undefined {
    return this.#modules.pairing(module);
  }

  /** Body of the energy.window that would close at `t1`; the first one starts a minute before, or at `from`. */
  nextWindow(t1: Millis, from: Millis = millis(Math.max(0, t1 - WINDOW))): EnergyWindow {
    return this.#windows.next(from, t1);
  }

  /** Suspect intervals that energy.resolve could settle at `now`, oldest first. */
  suspects(now: Millis): Iterable<OpenSuspect> {
    return this.#windows.open(now);
  }

  /** Body of the energy.check that this reading makes; undefined while there is nothing to check. */
  nextCheck(reading: ShuntReading): EnergyCheck | undefined {
    return this.#shunt.next(reading, this.#resolution);
  }

  /** Why this check would be refused in an entry dated `now`, if so: its time may not be that of the modules' records. */
  checkFault(check: EnergyCheck, now: Millis): string | undefined {
    return this.#shunt.faultOf(check, now, this.#resolution);
  }

  /**
   * Takes entry `index`. Throws LedgerError, naming the entry, and then has changed nothing; InvariantViolation,
   * naming it too, when the books do not balance any more, and then this fold is of no further use.
   */
  apply(index: number, entry: Entry): void {
    try {
      this.#order(index, entry);
      this.#apply(index, entry);
    } catch (thrown) {
      throw located(thrown, index, entry.type);
    }
    this.#size = index + 1;
    this.#time = entry.timeMs;
  }

  #order(index: number, { type, timeMs }: Entry): void {
    if (index !== this.#size) {
      throw new LedgerError("order", `comes where entry ${this.#size} belongs`, { kind: "usage" });
    }
    if (timeMs < this.#time) {
      throw new LedgerError("time", `its time ${timeMs} is before ${this.#time}, the last entry's`);
    }
    if (index === 0) requireType(type, "lct.document", "a log starts with its LCT document");
    if (index === 1) requireType(type, "epoch.begin", "the first epoch begins at entry 1");
    if (index === 0 || type === "epoch.begin") return;
    if (this.#ended) throw new LedgerError("order", "comes after the end of its epoch");
    if (this.#epoch !== undefined && timeMs > this.#epoch.expiresAt) {
      throw new LedgerError("epoch", `epoch ${this.#epoch.epoch} had expired`);
    }
  }

  #apply(index: number, entry: Entry): void {
    const { timeMs } = entry;
    switch (entry.type) {
      case "energy.interval":
        this.#interval(index, entry.body, timeMs);
        break;
      case "energy.gap":
        this.#count(index, entry.body, this.#modules.gap(entry.body, timeMs));
        break;
      case "energy.reset":
        this.#modules.reset(entry.body, timeMs);
        break;
      case "energy.window":
        this.#windows.check(entry.body, timeMs);
        this.society.apply(index, entry);
        this.#totals.window();
        this.#windows.close(entry.body, timeMs);
        this.#shunt.close();
        break;
      case "energy.check":
        this.#check(index, entry.body, timeMs);
        break;
      case "energy.resolution":
        this.#resolve(entry.body.minutes);
        break;
      case "energy.resolve":
        this.#windows.resolve(index, entry.body, timeMs);
        break;
      case "lct.document":
        this.#document(index, entry.body.sign1);
        break;
      case "epoch.begin":
        this.#begin(index, entry.body, timeMs);
        break;
      case "epoch.end":
        this.#end(entry.body);
        break;
      case "link.paired":
        this.#modules.pair(entry.body);
        break;
      case "link.unpaired":
        this.#modules.unpair(entry.body.module);
        break;
      case "ops.clock":
        this.#context.synchronised = entry.body.sync === "synchronised";
        break;
      case "ops.snapshot":
        this.#snapshot(index, entry.body.digest);
        break;
      case "ops.command":
        checkCommand(entry.body, { ...this.#context, now: timeMs });
        break;
      case "ops.outcome":
        checkOutcome(entry.body.command, index);
        break;
      case "ops.restored":
        requireRestored(index, entry.body.size);
        break;
      case "energy.statement":
        this.#modules.statement(entry.body);
        break;
      case "link.alarm":
      case "ops.config":
        break;
      case "ops.loss":
        checkLoss(entry.body, timeMs);
        break;
      case "lct.status":
      case "society.mint":
      case "society.source":
      case "society.policy":
      case "society.charge":
      case "society.certify":
      case "society.reserve":
      case "society.commit":
      case "society.rollback":
      case "society.expire":
      case "society.escrow":
      case "society.offer":
      case "society.decide":
      case "society.trade":
      case "society.report":
      case "society.record":
      case "energy.reconcile":
        this.society.apply(index, entry);
        break;
    }
  }

  #interval(index: number, interval: EnergyInterval, now: Millis): void {
    const counted = this.#modules.interval(interval, now, this.#resolution);
    this.#count(index, interval, counted);
    if (interval.verdict === "suspect") this.#windows.suspect(index, counted.in, now);
    this.#totals.interval(counted);
  }

  #count(index: number, record: EnergyInterval | EnergyGap, counted: Counted): void {
    this.#windows.add(index, counted.net);
    this.#shunt.add(index, record, counted);
    this.#totals.beyond(record, counted);
  }

  /** What the shunt does not bear out joins a later window, if it is settled. */
  #check(index: number, check: EnergyCheck, now: Millis): void {
    const doubted = this.#shunt.check(check, now, this.#resolution);
    if (check.verdict === "consistent") return;
    for (const [interval, inward] of doubted.intervals) {
      this.#windows.suspect(interval, inward, now);
    }
    this.#windows.add(index, 0 - doubted.inMwh);
  }

  #resolve(minutes: number): void {
    if (MOST_MINUTES % minutes !== 0) {
      throw new LedgerError("resolution", `${minutes} minutes do not divide an hour`);
    }
    if (minutes === this.#resolution) {
      throw new LedgerError("resolution", `intervals are of ${minutes} minutes already`);
    }
    this.#resolution = minutes;
  }

  #snapshot(index: number, digest: Uint8Array): void {
    const least = this.#lastSnapshot + SNAPSHOT_SPACING;
    if (index < least) throw new LedgerError("snapshot", `comes before entry ${least}`);
    this.#checks.snapshot(digest, index);
    this.#lastSnapshot = index;
  }

  #document(index: number, sign1: Uint8Array): void {
    const lct = this.#checks.document(sign1, index);
    if (index === 0) this.#context.lct = lct;
  }

  #begin(index: number, { evidence }: EpochBegin, now: Millis): void {
    const standing = this.#checks.epoch(evidence, index, now);
    this.#epoch = standing;
    this.#context.epochState = standing.state;
    this.#context.synchronised = false;
    this.#ended = false;
  }

  #end({ epoch }: EpochEnd): void {
    if (epoch !== this.#epoch?.epoch) {
      throw new LedgerError("epoch", `ends epoch ${epoch}, but ${this.#epoch?.epoch} is running`);
    }
    this.#ended = true;
  }
}

function requireRestored(index: number, size: number): void {
  if (size >= 1 && size <= index) return;
  throw new LedgerError("order", `says that ${size} entries were had back, among ${index}`);
}
