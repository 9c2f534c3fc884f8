import { micros } from "@wattseal/base";
import fc from "fast-check";
import { expect, it } from "vitest";
import { MAX_ENERGY } from "../codec/scalars.js";
import { decodeEntry } from "../entries/entry.js";
import { DAY, foldOf, readyLog, restored, type TestLog } from "../ledger.fixture.js";
import { intervalsOf, Metered } from "../metered.fixture.js";
import { CURRENT_ZERO } from "../metering/integral.js";
import { windowOf } from "../metering/window.js";
import { MODULE, OTHER } from "../samples.fixture.js";

const raw16 = fc.oneof(
  fc.integer({ min: 0, max: 65_535 }),
  fc.constantFrom(0, CURRENT_ZERO, 65_535),
);
const heard = fc.record({
  do: fc.constant("hear" as const),
  module: fc.constantFrom(MODULE, OTHER),
  /** µs since the reading before. */
  wait: fc.oneof(
    { weight: 8, arbitrary: fc.nat(1_000_000) },
    { weight: 1, arbitrary: fc.nat(200_000_000) },
    { weight: 1, arbitrary: fc.integer({ min: -400_000_000, max: 0 }) },
  ),
  voltage: raw16,
  current: fc.oneof(
    { weight: 3, arbitrary: fc.constant(CURRENT_ZERO) },
    { weight: 2, arbitrary: raw16 },
  ),
  soc: fc.oneof({ weight: 5, arbitrary: fc.constant(100) }, { weight: 1, arbitrary: fc.nat(200) }),
  /** How its counters go on. */
  say: fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom("truth" as const, "creep" as const, "back" as const) },
    {
      weight: 2,
      arbitrary: fc.constantFrom("swing-in" as const, "swing-out" as const, "zero" as const),
    },
  ),
});
const event = fc.oneof(
  { weight: 30, arbitrary: heard },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("minute" as const, "early" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("restart" as const, "wait" as const) }) },
);
type Event = typeof event extends fc.Arbitrary<infer E> ? E : never;
type Heard = typeof heard extends fc.Arbitrary<infer H> ? H : never;

/** Counters of a module that may say anything. */
class Liar {
  in = 1_000_000;
  out = 1_000_000;

  say({ say, voltage, current, wait }: Heard): void {
    const moved = (Math.abs(current - CURRENT_ZERO) * voltage * Math.max(0, wait)) / 12e9;
    if (say === "truth" && current > CURRENT_ZERO) this.in += Math.round(moved);
    if (say === "truth" && current < CURRENT_ZERO) this.out += Math.round(moved);
    if (say === "creep") this.in += 100;
    if (say === "back") this.out -= 1;
    if (say === "swing-in") this.in = MAX_ENERGY;
    if (say === "swing-out") this.out = MAX_ENERGY;
    if (say === "zero") this.in = 0;
    this.in = Math.max(0, Math.min(MAX_ENERGY, this.in));
    this.out = Math.max(0, Math.min(MAX_ENERGY, this.out));
  }
}

class History {
  readonly log: TestLog;
  readonly #metered: Metered;
  readonly #liars = new Map([MODULE, OTHER].map((uid) => [uid, new Liar()]));
  /** The bus's clock, which may be set back; the log's time never runs back. */
  #us: number;

  constructor(capacity: number) {
    this.log = readyLog(["attested"], {}, capacity);
    this.log.mint(MAX_ENERGY);
    this.#metered = new Metered(this.log, capacity);
    this.#us = this.log.now * 1_000;
  }

  step(each: Event): void {
    if ("say" in each) this.#hear(each);
    else if (each.do === "restart") this.#metered.restart();
    else if (each.do === "wait") this.#us += 7 * DAY * 1_000;
    else this.close(each.do);
    this.#balanced();
  }

  close(at: "minute" | "early"): void {
    this.#advance();
    this.log.now += 1;
    this.#metered.closeBooks(at);
    this.#balanced();
  }

  #hear(said: Heard): void {
    this.#us += said.wait;
    this.#advance();
    const liar = this.#liars.get(said.module)!;
    liar.say(said);
    const { voltage, current, soc } = said;
    const words = { in: liar.in, out: liar.out, voltage, current, soc };
    this.#metered.hear(said.module, micros(this.#us), words);
  }

  #advance(): void {
    this.log.now = Math.max(this.log.now, Math.floor(this.#us / 1_000));
  }

  /** Invariants 2 and 3. */
  #balanced(): void {
    const s = this.log.summary;
    expect(s.atp + s.reserved + s.adp).toBe(s.supply);
    const held = s.atp + s.reserved + s.eligible + s.withheld + s.unclaimed - s.deficit;
    expect(held).toBe(s.opening + s.net - s.recordedLoss);
  }
}

/** The most that consistent intervals can have earned: their integrals, with 100 mWh and 1 % a module and minute. */
function allowed(log: TestLog): number {
  const windows = new Map<string, { measured: number; difference: number; through: number }>();
  for (const i of intervalsOf(log).filter(({ verdict }) => verdict === "consistent")) {
    const key = `${i.module} ${windowOf(i.t1)}`;
    const sum = windows.get(key) ?? { measured: 0, difference: 0, through: 0 };
    sum.measured += i.integralIn - i.integralOut;
    sum.difference += Math.abs(i.in - i.integralIn) + Math.abs(i.out - i.integralOut);
    sum.through += i.in + i.out;
    windows.set(key, sum);
  }
  const sums = [...windows.values()];
  for (const { difference, through } of sums) {
    expect(difference).toBeLessThanOrEqual(100 + through / 100);
  }
  return sums.reduce((most, { measured, difference }) => most + measured + difference, 0);
}

it("keeps the books, and every window closable, whatever modules say, clocks do and gateways restart", () => {
  const verdicts = new Map<string, number>();
  fc.assert(
    fc.property(
      fc.constantFrom(0, 5_000_000, MAX_ENERGY),
      fc.array(event, { minLength: 20, maxLength: 200 }),
      (capacity, events) => {
        const history = new History(capacity);
        for (const each of events) history.step(each);
        history.close("early");
        const { log } = history;
        const { atp, eligible, withheld, unclaimed } = log.summary;
        const most = Math.max(0, allowed(log));
        expect(atp + eligible + withheld + unclaimed).toBeLessThanOrEqual(most);
        for (const { verdict } of intervalsOf(log)) {
          verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
        }
        const cut = events.length % log.entries.length;
        let again = foldOf(["attested"]);
        for (const [index, bytes] of log.entries.entries()) {
          if (index === Math.max(2, cut)) again = restored(again);
          again.apply(index, decodeEntry(bytes));
        }
        expect(again.save()).toEqual(log.fold.save());
        expect(again.summary()).toEqual(log.summary);
        expect(again.totals).toEqual(log.fold.totals);
      },
    ),
    { numRuns: 150 },
  );
  // the histories are of both kinds
  expect(Math.min(verdicts.get("suspect") ?? 0, verdicts.get("consistent") ?? 0)).toBeGreaterThan(
    500,
  );
});
