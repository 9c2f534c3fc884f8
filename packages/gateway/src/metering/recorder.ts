import {
  type Cancel,
  type Clock,
  type Logger,
  type Millis,
  type MilliwattHours,
  type ModuleUid,
  messageOf,
  millis,
  milliwattHours,
} from "@wattseal/base";
import type { ClearAlarm, LegacyReading, LinkAlarm, Telemetry } from "@wattseal/can-protocol";
import type { PackPairing, PairedModule } from "@wattseal/device-keys";
import { type EntryBody, type MeterEntry, ModuleMeter, windowEnd } from "@wattseal/energy-ledger";
import type { Draft, EnergyLog } from "../ledger/energy-log.js";
import type { LegacyUnit } from "../legacy/clear-bus.js";
import { legacyReadingOf } from "../legacy/reading.js";
import type { LinkMessage } from "../links/manager.js";
import { AlarmBook } from "./alarm-book.js";
import { alarmDetail } from "./alarm-detail.js";
import { readingOf } from "./reading.js";

export interface RecorderOptions {
  readonly log: EnergyLog;
  readonly pairing: PackPairing;
  /** Modules without a sealed link: their intervals are unauthenticated. */
  readonly legacy?: readonly LegacyUnit[] | undefined;
  /** The registered source that charges are attributed to. */
  readonly source: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called at each minute, before the window closes. */
  readonly onMinute: () => void;
}

interface Metered {
  readonly uid: ModuleUid;
  readonly capacity: MilliwattHours;
  readonly authenticated: boolean;
}

/** Inputs that wait while an epoch gives way to the next: some seconds of a full pack. */
const HELD_LIMIT = 4096;

/**
 * Turns what the links say into entries: meters every module, closes the window at each UTC minute, and keeps the
 * society's books behind it (expiry due, window, charge).
 */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #metered: readonly Metered[];
  readonly #meters: Map<ModuleUid, ModuleMeter>;
  /** Last state of charge by module, 0.5 % steps. */
  readonly #soc = new Map<string, number>();
  #timer: Cancel | undefined;
  #writing: Promise<unknown> = Promise.resolve();
  readonly #alarms = new AlarmBook();
  #refused = 0;
  #overflowed = 0;
  #unwritten = 0;
  /** While an epoch gives way to the next, what comes in waits here in its order. */
  #held: (() => void)[] | undefined;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#metered = meteredIn(options);
    this.#meters = new Map(this.#metered.map((module) => [module.uid, this.#meterOf(module)]));
  }

  /** Entries that the ledger's rules refused; each one was logged. */
  get refused(): number {
    return this.#refused;
  }

  /** Appends that the disk has not confirmed, and inputs that wait for an epoch. */
  get unwritten(): number {
    return this.#unwritten + (this.#held?.length ?? 0);
  }

  /** Everything recorded so far is durable, or the log has stopped. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  start(): void {
    this.#arm();
  }

  telemetry(module: PairedModule, message: LinkMessage, telemetry: Telemetry): void {
    this.#inTurn(() => {
      const meter = this.#meters.get(module.uid);
      if (meter === undefined) return;
      const reading = readingOf(message, telemetry);
      this.#soc.set(module.uid, reading.soc);
      meter.session(message.handshakeHash);
      this.#recordMeter(module.uid, meter.accept(reading));
    });
  }

  /** Of a module without a sealed link: metered by the integral alone. */
  legacyReading(told: LegacyReading): void {
    this.#inTurn(() => {
      const meter = this.#meters.get(told.uid);
      if (meter !== undefined) this.#recordMeter(told.uid, meter.accept(legacyReadingOf(told)));
    });
  }

  /** A module's word for the federation, kept as it came. */
  statement(module: PairedModule, statement: Uint8Array): void {
    this.#inTurn(() => {
      this.record({ type: "energy.statement", body: { module: module.uid, statement } });
    });
  }

  alarm(module: PairedModule, alarm: LinkAlarm): void {
    const { kind, slot, suppressed, ...detail } = alarm;
    this.#enterAlarm({
      module: module.uid,
      slot,
      alarm: kind,
      count: suppressed + 1,
      detail: alarmDetail(detail),
    });
  }

  /** What a module reports of itself, or the pack of it: a fault, its loss. */
  notice(module: PairedModule, alarm: string, detail: string): void {
    this.#enterAlarm({ module: module.uid, slot: module.slot, alarm, count: 1, detail });
  }

  clearAlarm(alarm: ClearAlarm): void {
    const { kind, suppressed, ...detail } = alarm;
    this.#enterAlarm({
      module: "uid" in alarm ? alarm.uid : undefined,
      slot: "slot" in alarm ? alarm.slot : undefined,
      alarm: kind,
      count: suppressed + 1,
      detail: alarmDetail(detail),
    });
  }

  /** Records nothing until `release`; what comes in meanwhile is taken then, in its order. */
  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const input of held) input();
    if (this.#overflowed === 0) return;
    this.#options.logger.error("recorder.overflowed", { inputs: this.#overflowed });
    this.#overflowed = 0;
  }

  stop(): void {
    this.#timer?.();
  }

  /** Closes every open interval and the window now, ahead of the minute: shutdown, end of an epoch. */
  closeEarly(): void {
    for (const body of this.#alarms.flush()) this.record({ type: "link.alarm", body });
    this.#closeWindow((meter) => meter.close(), this.#options.clock.now());
  }

  /** Hands one entry to the log; false when it was refused, which is counted and logged, never silent. */
  record(draft: Draft): boolean {
    const { log, logger } = this.#options;
    if (log.stopped !== undefined) {
      this.#refused += 1;
      return false;
    }
    const { size } = log.fold;
    this.#unwritten += 1;
    const written = log.append(draft).catch((error: unknown) => {
      this.#refused += 1;
      logger.error("ledger.refused", { type: draft.type, error: messageOf(error) });
    });
    // Nothing of what was awaited is kept: the chain must not grow with the log.
    this.#writing = Promise.all([this.#writing, written]).then(() => {
      this.#unwritten -= 1;
    });
    return log.fold.size > size;
  }

  /** While held, what would not fit is let go: readings that are missing become a gap by themselves. */
  #inTurn(input: () => void): void {
    if (this.#held === undefined) input();
    else if (this.#held.length < HELD_LIMIT) this.#held.push(input);
    else this.#overflowed += 1;
  }

  #enterAlarm(body: EntryBody<"link.alarm">): void {
    this.#inTurn(() => {
      const entry = this.#alarms.note(body, this.#options.clock.now());
      if (entry !== undefined) this.record({ type: "link.alarm", body: entry });
    });
  }

  #arm(): void {
    const boundary = windowEnd(this.#options.clock.now());
    this.#timer = this.#options.clock.at(boundary, () => {
      this.#options.onMinute();
      this.#inTurn(() => {
        const due = this.#alarms.due(this.#options.clock.now());
        for (const body of due) this.record({ type: "link.alarm", body });
      });
      this.#inTurn(() => this.#closeWindow((meter) => meter.closeWindow(boundary), boundary));
      this.#arm();
    });
  }

  #closeWindow(close: (meter: ModuleMeter) => readonly MeterEntry[], until: Millis): void {
    for (const { uid } of this.#metered) {
      const meter = this.#meters.get(uid);
      if (meter !== undefined) this.#recordMeter(uid, close(meter));
    }
    this.#closeBooks(until);
  }

  #meterOf({ uid, capacity, authenticated }: Metered): ModuleMeter {
    const resume = this.#options.log.fold.moduleEnd(uid);
    return new ModuleMeter({ module: uid, capacity, authenticated, resume });
  }

  /** A module's record must stay one chain: after a refusal it goes on from where the log ends, as a gap. */
  #recordMeter(uid: ModuleUid, entries: readonly MeterEntry[]): void {
    for (const entry of entries) {
      if (this.record(entry)) continue;
      const metered = this.#metered.find((module) => module.uid === uid);
      if (metered !== undefined) this.#meters.set(uid, this.#meterOf(metered));
      return;
    }
  }

  #closeBooks(until: Millis): void {
    const { log, source } = this.#options;
    const { fold } = log;
    const window = fold.nextWindow(until);
    // Nothing to close: what comes later joins the next window.
    if (window.t1 <= window.t0) return;
    if (!fold.society.opened) {
      if (window.count === 0) return;
      this.#openBooks();
    }
    // As the log will date them: what is due by then must have been entered.
    const now = millis(Math.max(until, this.#options.clock.now(), fold.time));
    for (;;) {
      const due = fold.society.dueEntry(now);
      if (due === undefined) break;
      if (!this.record(due)) return;
      this.#tellWaste(due);
    }
    this.record({ type: "energy.window", body: window });
    const charge = fold.society.chargeFor(now, source);
    if (charge !== undefined) this.record({ type: "society.charge", body: charge });
  }

  #tellWaste({ body }: NonNullable<ReturnType<EnergyLog["fold"]["society"]["dueEntry"]>>): void {
    const { log, logger } = this.#options;
    if (log.fold.society.alerts(body)) logger.warn("society.waste", { lots: body.lots.length });
  }

  /** The stock that the books start from, once: of the modules that have told their state of charge by the first window. */
  #openBooks(): void {
    const { modules } = this.#options.pairing;
    let stock = 0;
    let heard = 0;
    for (const { uid, ratedCapacity } of modules) {
      const soc = this.#soc.get(uid);
      if (soc === undefined) {
        this.#options.logger.warn("society.opened-without", { module: uid });
        continue;
      }
      heard += 1;
      stock += Math.floor((soc * ratedCapacity) / 200);
    }
    const basis = `state of charge × rated capacity of ${heard} of ${modules.length} modules`;
    this.record({
      type: "energy.reconcile",
      body: { kind: "opening", stock: milliwattHours(stock), basis },
    });
  }
}

function meteredIn({ pairing, legacy = [] }: RecorderOptions): readonly Metered[] {
  return [
    ...pairing.modules.map(({ uid, ratedCapacity }) => ({
      uid,
      capacity: ratedCapacity,
      authenticated: true,
    })),
    ...legacy.map(({ uid, capacity }) => ({ uid, capacity, authenticated: false })),
  ];
}
