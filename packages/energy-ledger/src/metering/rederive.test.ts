import { micros, milliwattHours, viewOf } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { EnergyInterval } from "../entries/energy.js";
import { MODULE, NOON } from "../samples.fixture.js";
import { ModuleMeter } from "./meter.js";
import { type RetainedInterval, type RetainedReading, rederive, usedBy } from "./rederive.js";
import { TELEMETRY_LENGTH, TELEMETRY_TYPE, telemetrySaid } from "./telemetry.js";
import { NOTHING_USED, type ToleranceUse } from "./verdict.js";

const CAPACITY = milliwattHours(5_000_000);
const SESSIONS = [1, 2, 3].map((fill) => new Uint8Array(32).fill(fill));

interface Told {
  readonly current: number;
  readonly in: number;
  readonly out: number;
  readonly tick: number;
  readonly boot?: number;
  readonly soc?: number;
}

/** Fields by the table of docs/firmware/messages.md. */
function telemetry({ current, in: inward, out, tick, boot = 1, soc = 120 }: Told): Uint8Array {
  const body = new Uint8Array(TELEMETRY_LENGTH);
  const view = viewOf(body);
  view.setUint8(1, soc);
  view.setUint16(4, current, true);
  view.setUint16(6, 23_333, true);
  view.setUint16(16, 7_000 + (tick % 7), true);
  view.setUint16(18, 7_100 + (tick % 11), true);
  for (const [at, value] of [
    [24, inward],
    [30, out],
  ] as const) {
    view.setUint32(at, value % 2 ** 32, true);
    view.setUint16(at + 4, Math.floor(value / 2 ** 32), true);
  }
  view.setUint32(36, tick, true);
  view.setUint16(40, boot, true);
  return body;
}

interface Kept {
  readonly entry: EnergyInterval;
  readonly retained: RetainedInterval;
  readonly used: ToleranceUse;
}

/** What a gateway keeps of a history, by interval. */
class Keeper {
  readonly kept: Kept[] = [];
  readonly #meter = new ModuleMeter({ module: MODULE, capacity: CAPACITY, authenticated: true });
  #used = NOTHING_USED;
  #last: RetainedReading | undefined;
  #retained: RetainedInterval = { from: undefined, carried: { in: 0, out: 0 }, readings: [] };

  hear(us: number, session: Uint8Array, counter: number, body: Uint8Array): void {
    this.#meter.session(session);
    const said = telemetrySaid(body);
    const done = this.#meter.accept({
      ...said,
      time: micros(us),
      counter,
      type: TELEMETRY_TYPE,
      body,
    });
    this.take(done);
    const taken = this.#meter.taken!;
    const reading = { time: taken.time, session, counter, body };
    if (taken.begun) {
      const from = taken.continued ? this.#last : undefined;
      this.#retained = { from, carried: taken.carried, readings: [] };
    }
    this.#retained = { ...this.#retained, readings: [...this.#retained.readings, reading] };
    this.#last = reading;
  }

  take(done: ReturnType<ModuleMeter["close"]>): void {
    for (const { type, body } of done) {
      if (type !== "energy.interval") continue;
      this.kept.push({ entry: body, retained: this.#retained, used: this.#used });
      if (body.verdict === "consistent") this.#used = usedAfter(body, this.#used);
    }
  }

  close(): void {
    this.take(this.#meter.close());
  }
}

/** Rule M-8 of docs/ledger-format.md. */
function usedAfter(body: EnergyInterval, used: ToleranceUse): ToleranceUse {
  const window = Math.floor(body.t1 / 60_000);
  const before = used.window === window ? used : { difference: 0, through: 0 };
  return {
    window,
    difference:
      before.difference +
      Math.abs(body.in - body.integralIn) +
      Math.abs(body.out - body.integralOut),
    through: before.through + body.in + body.out,
  };
}

/** A reading every 200 ms at 350 V, counters by the power; `change` may make some of it otherwise. */
function history(seconds: number, change: (i: number, told: Told) => Partial<Told> = () => ({})) {
  const keeper = new Keeper();
  let inward = 1_000;
  for (let i = 0; i < 5 * seconds; i += 1) {
    const us = 1000 * NOON + 200_000 * i + ((7_919 * i) % 1_000);
    const told = { current: 32_768 + 1_000, in: Math.round(inward), out: 50, tick: 200 * i };
    keeper.hear(us, SESSIONS[0]!, i, telemetry({ ...told, ...change(i, told) }));
    inward += (23_333 * 1_000 * 0.0003 * 200) / 3_600;
  }
  keeper.close();
  return keeper.kept;
}

const different = (findings: ReturnType<typeof rederive>) =>
  findings.fields.filter(({ finding }) => finding !== "ok").map(({ field }) => field);
const again = ({ entry, retained, used }: Kept, over: Partial<RetainedInterval> = {}) =>
  rederive(entry, { ...retained, ...over }, { capacity: CAPACITY, used });

interface Step {
  readonly us: number;
  readonly current: number;
  readonly passed: number;
  readonly event: "none" | "session" | "reset" | "close";
}

function played(steps: readonly Step[]): Keeper {
  const keeper = new Keeper();
  let [us, out, place, boot] = [1000 * NOON, 10_000, 0, 1];
  for (const [i, { us: dt, current, passed, event }] of steps.entries()) {
    us += dt;
    out += passed;
    if (event === "close") keeper.close();
    if (event === "session") place += 1;
    if (event === "reset") {
      out = Math.max(0, out - 5_000);
      boot += 1;
    }
    keeper.hear(us, SESSIONS[place % 3]!, i, telemetry({ current, in: 7, out, tick: i, boot }));
  }
  keeper.close();
  return keeper;
}

describe("deriving an interval again", () => {
  it("finds every field of every interval, the integral's carried remainder included", () => {
    const kept = history(300);
    expect(kept.length).toBeGreaterThan(4);
    let carried = 0;
    for (const [i, one] of kept.entries()) {
      const { fields, remainder } = again(one);
      expect(fields.map(({ finding }) => finding)).toEqual(fields.map(() => "ok"));
      expect(fields).toHaveLength(Object.keys(one.entry).length - 1);
      const next = kept[i + 1];
      if (next !== undefined) expect(next.retained.carried).toEqual(remainder);
      carried = Math.max(carried, one.retained.carried.in);
    }
    expect(carried).toBeGreaterThan(0);
  });

  it("does so for any history: sessions, gaps, resets, restarts of the module, clocks that jitter", () => {
    const step = fc.record({
      us: fc.oneof(
        { weight: 30, arbitrary: fc.integer({ min: 0, max: 2_000_000 }) },
        { weight: 1, arbitrary: fc.integer({ min: -50_000, max: 9_000_000 }) },
      ),
      current: fc.integer({ min: 30_000, max: 36_000 }),
      passed: fc.integer({ min: 0, max: 900 }),
      event: fc.oneof(
        { weight: 30, arbitrary: fc.constant("none" as const) },
        {
          weight: 1,
          arbitrary: fc.constantFrom("session" as const, "reset" as const, "close" as const),
        },
      ),
    });
    let intervals = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 200 }), (steps) => {
        const keeper = played(steps);
        for (const one of keeper.kept) expect(different(again(one))).toEqual([]);
        intervals += keeper.kept.length;
      }),
    );
    expect(intervals).toBeGreaterThan(100);
  });

  it("shows any byte of any body, and any counter, session or order, that is another", () => {
    const one = history(3)[0]!;
    const { readings } = one.retained;
    for (const at of [0, 7, readings.length - 1]) {
      const reading = readings[at]!;
      for (let byte = 0; byte < TELEMETRY_LENGTH; byte += 1) {
        const body = reading.body.with(byte, reading.body[byte]! ^ 1);
        const changed = readings.with(at, { ...reading, body });
        const findings = (() => {
          try {
            return different(again(one, { readings: changed }));
          } catch {
            return ["digest"]; // counters that go back: not of one interval at all
          }
        })();
        expect(findings, `byte ${byte} of reading ${at}`).toContain("digest");
      }
      for (const other of [
        { ...reading, counter: reading.counter + 1 },
        { ...reading, session: SESSIONS[1]! },
      ]) {
        expect(different(again(one, { readings: readings.with(at, other) }))).toEqual(["digest"]);
      }
    }
    const missing = different(again(one, { readings: readings.slice(0, -1) }));
    expect(missing).toEqual(expect.arrayContaining(["t1", "readings", "digest"]));
  });

  it("names what an entry says otherwise, with both values", () => {
    const one = history(3)[0]!;
    const entry = { ...one.entry, integralIn: milliwattHours(one.entry.integralIn + 1) };
    const { fields } = again({ ...one, entry });
    const [found] = fields.filter(({ finding }) => finding === "different");
    expect(found).toMatchObject({ field: "integralIn", finding: "different" });
    expect(found?.reason).toBe(
      `the entry says ${one.entry.integralIn + 1}, its readings ${one.entry.integralIn}`,
    );
  });

  it("moves by at most 1 mWh whatever remainder it is told to start with", () => {
    const one = history(60)[1]!;
    for (const carried of [0, 12_345, 23_999_999_999]) {
      const { fields } = again(one, { carried: { in: carried, out: 0 } });
      const wrong = fields.filter(({ finding }) => finding !== "ok");
      expect(["", "integralIn"]).toContain(wrong.map(({ field }) => field).join());
      const [said, derived] = (wrong[0]?.reason?.match(/\d+/g) ?? [1, 0]).map(Number);
      expect(Math.abs(said! - derived!)).toBe(1);
    }
  });

  it("lets a gateway be stricter than the figures, never milder", () => {
    const one = history(30)[0]!;
    const verdict = (given: EnergyInterval) =>
      again({ ...one, entry: given }).fields.find(({ field }) => field === "verdict");
    expect(one.entry.verdict).toBe("consistent");
    expect(verdict({ ...one.entry, verdict: "suspect" })).toMatchObject({ finding: "ok" });
    const lying = history(30, (i, { in: inward }) => ({ in: inward + 90 * i }))[0]!;
    expect(lying.entry.verdict).toBe("suspect");
    const mild = again({ ...lying, entry: { ...lying.entry, verdict: "consistent" } });
    expect(different(mild)).toEqual(["verdict"]);
    const used = usedBy([one.entry], CAPACITY);
    expect(used).toEqual(usedAfter(one.entry, NOTHING_USED));
    const spent = { ...used, difference: used.difference + 1_000_000 };
    const told = rederive(one.entry, one.retained, { capacity: CAPACITY, used: spent });
    expect(told.fields.at(-1)).toMatchObject({ field: "verdict", finding: "different" });
    expect(usedBy([{ ...one.entry, verdict: "suspect" }], CAPACITY)).toEqual(NOTHING_USED);
  });

  it("tells how far the gateway's time is from the module's own, across a restart of the module too", () => {
    const late = history(10, (i) => ({ tick: 200 * i + (i === 20 ? 40 : 0) }))[0]!;
    expect(again(late).tickSpread).toBeGreaterThanOrEqual(40);
    expect(again(late).tickSpread).toBeLessThanOrEqual(42);
    const restarted = history(10, (i) => (i < 20 ? {} : { tick: 200 * i - 3_999, boot: 2 }))[0]!;
    expect(again(restarted).tickSpread).toBeLessThanOrEqual(2);
    const wrapped = history(10, (i) => ({ tick: (2 ** 32 - 1_000 + 200 * i) % 2 ** 32 }))[0]!;
    expect(again(wrapped).tickSpread).toBeLessThanOrEqual(2);
  });

  it("refuses readings that no meter puts into one interval", () => {
    const one = history(20)[0]!;
    const { readings } = one.retained;
    const refused = (changed: RetainedInterval["readings"]) => () =>
      again(one, { readings: changed });
    expect(refused(readings.toSpliced(30, 30))).toThrow(/more than 5 s apart/);
    expect(refused([...readings].reverse())).toThrow(/out of order/);
    const short = { ...readings[1]!, body: new Uint8Array(41) };
    expect(refused(readings.with(1, short))).toThrow(/41 bytes/);
    expect(different(again(one, { readings: [] }))).toHaveLength(19);
  });
});
