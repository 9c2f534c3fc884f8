import type { Cancel, Clock, Micros, Millis, MilliwattHours, ModuleUid } from "@wattseal/base";
import type {
  ClearAlarm,
  LegacyReading,
  LinkAlarm,
  ShuntAlarm,
  ShuntSample,
} from "@wattseal/can-protocol";
import type { PackPairing, PairedModule } from "@wattseal/device-keys";
import {
  closesAt,
  type EntryBody,
  type MeterEntry,
  ModuleMeter,
  windowEnd,
} from "@wattseal/energy-ledger";
import type { EvidenceSink } from "../evidence/sink.js";
import type { EnergyLog } from "../ledger/energy-log.js";
import type { LogWriter } from "../ledger/log-writer.js";
import type { LegacyUnit } from "../legacy/clear-bus.js";
import { legacyReadingOf } from "../legacy/reading.js";
import type { LinkMessage } from "../links/manager.js";
import type { Books } from "../society/books.js";
import type { LogClock } from "../time/log-clock.js";
import { AlarmBook } from "./alarm-book.js";
import { alarmDetail } from "./alarm-detail.js";
import { readingOf } from "./reading.js";
import type { ShuntCheck } from "./shunt-check.js";

export interface RecorderOptions {
  readonly log: EnergyLog;
  readonly writer: LogWriter;
  /** Closed with each window. */
  readonly books: Books;
  readonly pairing: PackPairing;
  /** Modules without a sealed link: their intervals are unauthenticated. */
  readonly legacy?: readonly LegacyUnit[] | undefined;
  /** In a pack that has a shunt: holds the modules' records against it. */
  readonly shunt?: ShuntCheck | undefined;
  /** Keeps accepted telemetry, so that intervals can be derived again. */
  readonly evidence?: EvidenceSink | undefined;
  /** Time that only runs, for alarms; readings come with its time stamps. */
  readonly steady: Clock;
  /** What the log dates by. */
  readonly clock: LogClock;
  /** The resolution that intervals should have, asked at each minute; undefined, or absent: as it is. */
  readonly resolution?: (() => EntryBody<"energy.resolution"> | undefined) | undefined;
  /** Called at each minute, before the window closes. */
  readonly onMinute: () => void;
  /** Called when the window has closed. */
  readonly onWindow: () => void;
}

interface Metered {
  readonly uid: ModuleUid;
  readonly capacity: MilliwattHours;
  readonly authenticated: boolean;
}

/** Turns what the links say into entries: meters every module, and closes the window and the books at each UTC minute, or as seldom as there is room for. */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #metered: readonly Metered[];
  readonly #meters: Map<ModuleUid, ModuleMeter>;
  readonly #alarms = new AlarmBook();
  #timer: Cancel | undefined;
  #alarmTimer: Cancel | undefined;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#metered = meteredIn(options);
    this.#meters = new Map(this.#metered.map((module) => [module.uid, this.#meterOf(module)]));
  }

  start(): void {
    this.#arm();
    this.#armAlarms();
  }

  telemetry(module: PairedModule, message: LinkMessage): void {
    this.#options.writer.inTurn(() => {
      const meter = this.#meters.get(module.uid);
      if (meter === undefined) return;
      const reading = this.#dated(readingOf(message));
      if (reading === undefined) return;
      this.#options.books.heard(module.uid, reading);
      meter.session(message.handshakeHash);
      const done = meter.accept(reading);
      const { taken } = meter;
      if (taken !== undefined) this.#options.evidence?.reading(module.uid, message, taken);
      this.#recordMeter(module.uid, done);
    });
  }

  /** Of a module without a sealed link: metered by the integral alone. */
  legacyReading(told: LegacyReading): void {
    this.#options.writer.inTurn(() => {
      const meter = this.#meters.get(told.uid);
      const reading = this.#dated(legacyReadingOf(told));
      if (meter !== undefined && reading !== undefined) {
        this.#recordMeter(told.uid, meter.accept(reading));
      }
    });
  }

  shuntSample(sample: ShuntSample): void {
    this.#options.writer.inTurn(() => {
      const dated = this.#dated(sample);
      if (dated !== undefined) this.#options.shunt?.take(dated);
    });
  }

  /** A module's word for the federation, kept as it came. */
  statement(module: PairedModule, statement: Uint8Array): void {
    this.#options.writer.inTurn(() => {
      this.#options.writer.record({
        type: "energy.statement",
        body: { module: module.uid, statement },
      });
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

  /** What the pack itself lacks: no module's doing. */
  packNotice(alarm: string, detail: string): void {
    this.#packAlarm(alarm, 1, detail);
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

  shuntAlarm({ kind, suppressed, ...detail }: ShuntAlarm): void {
    this.#packAlarm(kind, suppressed + 1, alarmDetail(detail));
  }

  stop(): void {
    this.#timer?.();
    this.#alarmTimer?.();
  }

  /** Closes every open interval and the window now, ahead of the minute: shutdown, end of an epoch. */
  closeEarly(): void {
    for (const body of this.#alarms.flush())
      this.#options.writer.record({ type: "link.alarm", body });
    const now = this.#options.clock.now();
    this.#closeMeters((meter) => meter.close());
    this.#checked(this.#options.shunt?.close(now));
    this.#options.books.close(now);
  }

  /** UTC is about to be set: closes what it dates so far. Every module's record goes on with a gap. */
  interrupt(): void {
    this.closeEarly();
    this.#closeMeters((meter) => meter.interrupt());
    this.#options.shunt?.interrupt();
  }

  #enterAlarm(body: EntryBody<"link.alarm">): void {
    this.#options.writer.inTurn(() => {
      const entry = this.#alarms.note(body, this.#options.steady.now());
      if (entry !== undefined) this.#options.writer.record({ type: "link.alarm", body: entry });
    });
  }

  #arm(): void {
    const boundary = windowEnd(this.#options.clock.now());
    this.#timer = this.#options.clock.at(boundary, () => {
      this.#options.onMinute();
      this.#options.writer.inTurn(() => this.#minute(boundary));
      this.#arm();
    });
  }

  /** By steady time: alarms do not wait for UTC. */
  #armAlarms(): void {
    const { steady, writer } = this.#options;
    this.#alarmTimer = steady.at(windowEnd(steady.now()), () => {
      writer.inTurn(() => {
        const due = this.#alarms.due(steady.now());
        for (const body of due) writer.record({ type: "link.alarm", body });
      });
      this.#armAlarms();
    });
  }

  /** As the log dates it; undefined while the log's time stands still: nothing that is read then can be dated. */
  #dated<R extends { readonly time: Micros }>(reading: R): R | undefined {
    const time = this.#options.clock.dated(reading.time);
    return time === undefined ? undefined : { ...reading, time };
  }

  #minute(boundary: Millis): void {
    const wanted = this.#options.resolution?.();
    const { resolution } = this.#options.log.fold;
    if (wanted !== undefined && wanted.minutes !== resolution) this.#change(wanted);
    else if (closesAt(boundary, resolution)) this.#closeWindow(boundary);
  }

  /** Whatever is open was begun at the resolution before. */
  #change(body: EntryBody<"energy.resolution">): void {
    const { writer, shunt, onWindow } = this.#options;
    this.closeEarly();
    if (writer.record({ type: "energy.resolution", body })) {
      for (const meter of this.#meters.values()) meter.closeEvery(body.minutes);
      shunt?.closeEvery(body.minutes);
    }
    onWindow();
  }

  #closeWindow(boundary: Millis): void {
    this.#closeMeters((meter) => meter.closeWindow(boundary));
    this.#checked(this.#options.shunt?.closeWindow(boundary, this.#options.clock.now()));
    this.#options.books.close(boundary);
    this.#options.onWindow();
  }

  /** A shunt that says nothing of use is missed: what it would have borne out counts all the same. */
  #checked(missing: string | undefined): void {
    if (missing !== undefined) this.#packAlarm("shunt-missing", 1, missing);
  }

  #packAlarm(alarm: string, count: number, detail: string): void {
    this.#enterAlarm({ module: undefined, slot: undefined, alarm, count, detail });
  }

  #closeMeters(close: (meter: ModuleMeter) => readonly MeterEntry[]): void {
    for (const { uid } of this.#metered) {
      const meter = this.#meters.get(uid);
      if (meter !== undefined) this.#recordMeter(uid, close(meter));
    }
  }

  #meterOf({ uid, capacity, authenticated }: Metered): ModuleMeter {
    const { fold } = this.#options.log;
    const [resume, minutes] = [fold.moduleEnd(uid), fold.resolution];
    return new ModuleMeter({ module: uid, capacity, authenticated, resume, minutes });
  }

  /** A module's record must stay one chain: after a refusal it goes on from where the log ends, as a gap. */
  #recordMeter(uid: ModuleUid, entries: readonly MeterEntry[]): void {
    for (const entry of entries) {
      if (this.#options.writer.record(entry)) {
        this.#options.shunt?.recorded(entry);
        continue;
      }
      const metered = this.#metered.find((module) => module.uid === uid);
      if (metered !== undefined) this.#meters.set(uid, this.#meterOf(metered));
      return;
    }
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
