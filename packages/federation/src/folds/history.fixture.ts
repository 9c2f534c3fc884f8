/** A pack's log with modules, energy of every verdict, windows and alarms, as tests choose. */
import { type Millis, millis, milliwattHours, moduleUid, slot } from "@wattseal/base";
import { type Entry, type EntryBody, encodeEntry } from "@wattseal/energy-ledger";
import { LogReplay } from "@wattseal/verifier";
import { AUTHORITY, START, TestPack } from "../fleet.fixture.js";

const MINUTE = 60_000;
const mwh = milliwattHours;

export const MODULES = ["5701000000000001", "5701000000000002"].map((uid) => moduleUid(uid));

interface Counted {
  time: Millis;
  counters: NonNullable<EntryBody<"energy.interval">["end"]>;
}

export class History {
  readonly pack: TestPack;
  readonly #replay = new LogReplay({ authorities: [{ publicKey: AUTHORITY.publicKey }] });
  readonly #counted = new Map<string, Counted>();
  #time: number = START;
  /** Of an interval. */
  #minutes = 1;

  constructor(seed: string) {
    this.pack = new TestPack(seed);
    for (const leaf of this.pack.leaves) this.#replay.append(leaf);
    for (const [i, module] of MODULES.entries()) {
      const [moduleKey, packKey] = [new Uint8Array(32), new Uint8Array(32)];
      const body = { module, slot: slot(i + 1), bus: 0, moduleKey, packKey, capacity: mwh(0) };
      this.#append({ type: "link.paired", timeMs: this.#now, body });
    }
  }

  get #now(): Millis {
    return millis(this.#time);
  }

  /** False: the ledger's rules do not take it here. */
  #append(entry: Entry): boolean {
    const leaf = encodeEntry(entry);
    try {
      this.#replay.append(leaf);
    } catch {
      return false;
    }
    this.pack.appendBytes(leaf);
    return true;
  }

  /** Nobody heard anything for so long. */
  pass(minutes: number): void {
    this.#time += minutes * MINUTE;
  }

  /** From here on intervals end where so many minutes divide the hour. */
  aggregate(minutes: number): void {
    const body = { minutes, reason: "disk-pressure", detail: "" };
    const entry = { type: "energy.resolution", timeMs: this.#now, body } as const;
    if (!this.#append(entry)) return;
    this.#minutes = minutes;
    this.#time = Math.ceil(this.#time / (minutes * MINUTE)) * minutes * MINUTE;
  }

  /** The end of the next interval: at a minute, or just before its part of the hour is over. */
  get #next(): number {
    const length = this.#minutes * MINUTE;
    if (this.#minutes === 1) return this.#time + length;
    return (Math.floor((this.#time + 5_000) / length) + 1) * length - 1;
  }

  /** A minute, or what an interval takes, of a module that took in `inward` mWh; what its readings say may be something else. */
  minute(module: (typeof MODULES)[number], inward: number, byReadings = inward): void {
    const t0 = this.#now;
    const last = this.#counted.get(module);
    const start = last?.counters ?? { in: mwh(0), out: mwh(0), boot: 1 };
    if (last !== undefined && last.time < t0) this.#gap(module, last, t0);
    this.#time = this.#next;
    const end = { ...start, in: mwh(start.in + inward) };
    const integral = { integralIn: mwh(byReadings), integralOut: mwh(0) };
    const record = { in: mwh(inward), out: mwh(0), ...integral, start, end };
    const extremes = {
      ...{ voltageLow: 24_000, voltageHigh: 24_000, currentLow: 32_768, currentHigh: 60_000 },
      ...{ temperatureLow: 8_000, temperatureHigh: 8_000, socStart: 100, socEnd: 100 },
    };
    const body = { module, t0, t1: this.#now, ...record, ...extremes, readings: 60 };
    const digest = new Uint8Array(32);
    for (const verdict of ["consistent", "suspect"] as const) {
      const entry = {
        type: "energy.interval",
        timeMs: this.#now,
        body: { ...body, digest, verdict },
      } as const;
      if (!this.#append(entry)) continue;
      this.#counted.set(module, { time: this.#now, counters: end });
      return;
    }
  }

  #gap(module: (typeof MODULES)[number], { time, counters }: Counted, t1: Millis): void {
    const none = { in: mwh(0), out: mwh(0) };
    const body = {
      module,
      t0: time,
      t1,
      ...none,
      start: counters,
      end: counters,
      reason: "away" as const,
    };
    this.#append({ type: "energy.gap", timeMs: t1, body });
  }

  window(): void {
    const body = this.#replay.fold.nextWindow(this.#now);
    this.#append({ type: "energy.window", timeMs: this.#now, body });
  }

  alarm(alarm: string, count: number, module?: (typeof MODULES)[number]): void {
    const body = { module, slot: undefined, alarm, count, detail: "{}" };
    this.#append({ type: "link.alarm", timeMs: this.#now, body });
  }

  clocks(count: number): void {
    for (let i = 0; i < count; i += 1) {
      const body = { sync: "synchronised", source: "test", step: i } as const;
      this.#append({ type: "ops.clock", timeMs: this.#now, body });
    }
  }

  get society() {
    return this.#replay.fold.summary();
  }
}
