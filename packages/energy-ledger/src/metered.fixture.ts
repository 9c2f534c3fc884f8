/** A gateway's meters before a fold, and modules that say what they like. */
import {
  type Micros,
  type MilliwattHours,
  type ModuleUid,
  millis,
  milliwattHours,
} from "@wattseal/base";
import { decodeEntry } from "./entries/entry.js";
import type { TestLog } from "./ledger.fixture.js";
import { CURRENT_ZERO } from "./metering/integral.js";
import { type MeterEntry, ModuleMeter } from "./metering/meter.js";
import { windowEnd } from "./metering/window.js";
import { counters } from "./samples.fixture.js";

export const intervalsOf = (log: TestLog) =>
  log.entries
    .map(decodeEntry)
    .flatMap((entry) => (entry.type === "energy.interval" ? [entry.body] : []));

export interface Said {
  readonly in: number;
  readonly out: number;
  readonly voltage?: number;
  readonly current?: number;
  readonly soc?: number;
}

/** What the meters make must never be refused: `TestLog` throws then. */
export class Metered {
  readonly log: TestLog;
  readonly #capacity: MilliwattHours;
  readonly #meters = new Map<ModuleUid, ModuleMeter>();

  constructor(log: TestLog, capacity: number) {
    this.log = log;
    this.#capacity = milliwattHours(capacity);
  }

  hear(module: ModuleUid, us: Micros, { voltage = 24_000, current = CURRENT_ZERO, ...said }: Said) {
    const raw = { voltage, current, temperatureLow: 8_000, temperatureHigh: 8_000, soc: 100 };
    const pdu = { counter: 0, type: 1, body: new Uint8Array(42) };
    const { in: inward, out, soc = 100 } = said;
    const counted = counters(inward, out);
    this.#record(this.#meter(module).accept({ ...raw, ...pdu, soc, time: us, counters: counted }));
  }

  /** Closes every interval and the window: at a minute's end, or early. */
  closeBooks(at: "minute" | "early"): void {
    const { log } = this;
    const boundary = windowEnd(millis(log.now - 1));
    for (const meter of this.#meters.values()) {
      this.#record(at === "minute" ? meter.closeWindow(boundary) : meter.close());
    }
    log.expire();
    const window = log.fold.nextWindow(log.time);
    if (window.t1 <= window.t0) return;
    log.window();
    const charge = log.fold.society.chargeFor(log.time, "roof");
    if (charge !== undefined) log.add("society.charge", charge);
  }

  /** The meters start afresh from the log, as after a crash. */
  restart(): void {
    this.#meters.clear();
  }

  #meter(module: ModuleUid): ModuleMeter {
    const known = this.#meters.get(module);
    if (known !== undefined) return known;
    const resume = this.log.fold.moduleEnd(module);
    const capacity = this.#capacity;
    const meter = new ModuleMeter({ module, capacity, authenticated: true, resume });
    meter.session(new Uint8Array(32));
    this.#meters.set(module, meter);
    return meter;
  }

  #record(entries: readonly MeterEntry[]): void {
    for (const entry of entries) {
      if (entry.type === "energy.interval") this.log.add(entry.type, entry.body);
      else if (entry.type === "energy.gap") this.log.add(entry.type, entry.body);
      else this.log.add(entry.type, entry.body);
    }
  }
}
