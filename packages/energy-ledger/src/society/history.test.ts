import { millis, milliwattHours } from "@wattseal/base";
import fc from "fast-check";
import { expect, it } from "vitest";
import { MAX_ENERGY } from "../codec/scalars.js";
import { decodeEntry } from "../entries/entry.js";
import { DAY, foldOf, MINUTE, readyLog, TestLog } from "../ledger.fixture.js";
import { OTHER } from "../samples.fixture.js";

interface Lot {
  amount: number;
  readonly since: number;
}

/** The society as its rules read, with plain lists: slow, and apart from the fold. */
class PlainSociety {
  lots: Lot[] = [];
  withheld: Lot[] = [];
  adp = 1_000_000;
  eligible = 0;
  unclaimed = 0;
  deficit = 0;
  spent = 0;
  expired = 0;
  made = 0;
  pending = 0;

  window(): void {
    const net = this.pending;
    this.pending = 0;
    if (net >= 0) {
      const repaid = Math.min(net, this.deficit);
      this.deficit -= repaid;
      this.eligible += net - repaid;
      return;
    }
    let open = -net;
    const fromLots = take(this.lots, open);
    this.spent += fromLots;
    this.adp += fromLots;
    open -= fromLots;
    const fromUnclaimed = Math.min(open, this.unclaimed);
    this.unclaimed -= fromUnclaimed;
    open -= fromUnclaimed;
    open -= take(this.withheld, open);
    const fromEligible = Math.min(open, this.eligible);
    this.eligible -= fromEligible;
    this.deficit += open - fromEligible;
  }

  charge(amount: number, since: number): void {
    const lot = Math.floor((amount * 6_000) / 10_000);
    this.eligible -= amount;
    this.adp -= lot;
    this.made += lot;
    if (lot > 0) this.lots.push({ amount: lot, since });
    if (amount > lot) this.withheld.push({ amount: amount - lot, since });
  }

  expire(now: number): void {
    const old = ({ since }: Lot) => since + 7 * DAY <= now;
    const tokens = sum(this.lots.filter(old));
    this.unclaimed += tokens + sum(this.withheld.filter(old));
    this.adp += tokens;
    this.expired += tokens;
    this.lots = this.lots.filter((lot) => !old(lot));
    this.withheld = this.withheld.filter((lot) => !old(lot));
  }
}

const sum = (lots: readonly Lot[]) => lots.reduce((total, { amount }) => total + amount, 0);
function take(lots: Lot[], wanted: number): number {
  let open = wanted;
  while (open > 0 && lots.length > 0) {
    const part = Math.min(open, lots[0]!.amount);
    lots[0]!.amount -= part;
    open -= part;
    if (lots[0]!.amount === 0) lots.shift();
  }
  return wanted - open;
}

const command = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("interval"),
      in: fc.nat(900),
      out: fc.nat(900),
      suspect: fc.integer({ min: 0, max: 9 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("gap"), in: fc.nat(500), out: fc.nat(500) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("window") }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("charge"), share: fc.integer({ min: 1, max: 100 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("wait"), hours: fc.nat(80) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("mint"), amount: fc.integer({ min: 1, max: 1_000 }) }),
  },
);
type Command = typeof command extends fc.Arbitrary<infer C> ? C : never;

function perform(log: TestLog, plain: PlainSociety, c: Command): void {
  if ("suspect" in c) {
    const suspect = c.suspect === 0;
    log.interval(c.in, c.out, suspect ? { verdict: "suspect" } : {});
    plain.pending += suspect ? -c.out : c.in - c.out;
  } else if ("in" in c) {
    log.gap(c.in, c.out);
    plain.pending -= c.out;
  } else if ("hours" in c) log.now += c.hours * 3_600_000;
  else if ("amount" in c) {
    log.mint(c.amount);
    plain.adp += c.amount;
  } else touchLots(log, plain, "share" in c ? c.share : undefined);
}

/** Windows and charges, after what is due has expired. */
function touchLots(log: TestLog, plain: PlainSociety, share: number | undefined): void {
  log.now += MINUTE;
  log.expire();
  plain.expire(log.now);
  if (share === undefined) {
    log.window();
    plain.window();
    return;
  }
  const most = log.fold.society.chargeFor(log.time, "roof");
  if (most === undefined) return;
  const amount = Math.max(1, Math.floor((most.amount * share) / 100));
  log.charge(amount, 6_000);
  plain.charge(amount, log.now);
}

it("follows its rules through random histories, and replays to the same", () => {
  fc.assert(
    fc.property(fc.array(command, { minLength: 20, maxLength: 250 }), (commands) => {
      const log = readyLog(["software"]);
      log.interval(0, 0);
      const plain = new PlainSociety();
      for (const each of commands) {
        // a month-old proof covers nothing: keep the source in date
        if (each.do === "wait") log.source({ provenAt: log.time });
        log.now += 10;
        perform(log, plain, each);
        expect(log.summary).toMatchObject({
          atp: sum(plain.lots),
          adp: plain.adp,
          eligible: plain.eligible,
          withheld: sum(plain.withheld),
          unclaimed: plain.unclaimed,
          deficit: plain.deficit,
          wasted: plain.expired,
        });
        // every token that a lot was made of was spent once, or expired once, or is still there
        expect(plain.made).toBe(plain.spent + plain.expired + log.summary.atp);
      }
      const again = foldOf(["software"]);
      for (const [index, bytes] of log.entries.entries()) again.apply(index, decodeEntry(bytes));
      expect(again.summary()).toEqual(log.summary);
      expect(again.totals).toEqual(log.fold.totals);
    }),
    { numRuns: 60 },
  );
});

it("refuses any entry of a history with its amounts changed", () => {
  const log = readyLog(["software"]);
  for (let i = 0; i < 5; i += 1) {
    log.minute(100 * i, 20);
    log.interval(5, 0, {}, OTHER);
    const charge = log.fold.society.chargeFor(log.time, "roof");
    if (charge !== undefined) log.add("society.charge", charge);
  }
  let changed = 0;
  for (const [index, bytes] of log.entries.entries()) {
    const entry = decodeEntry(bytes);
    if (entry.type !== "energy.window" && entry.type !== "energy.interval") continue;
    const again = foldOf(["software"]);
    for (const [i, earlier] of log.entries.slice(0, index).entries()) {
      again.apply(i, decodeEntry(earlier));
    }
    const wrong =
      entry.type === "energy.window"
        ? { ...entry, body: { ...entry.body, net: entry.body.net + 1 } }
        : { ...entry, body: { ...entry.body, in: milliwattHours(entry.body.in + 1) } };
    expect(() => again.apply(index, wrong)).toThrow(`entry ${index} (${entry.type})`);
    again.apply(index, entry);
    changed += 1;
  }
  expect(changed).toBe(15);
});

it("asks for no more in one charge or ticket than an entry can say", () => {
  const log = new TestLog();
  log.policy();
  for (let i = 0; i < 3; i += 1) log.mint(MAX_ENERGY);
  log.source({ provenAt: millis(log.now - 20 * DAY + 1), ratedWatts: 2 ** 31 - 1 });
  const body = { ...log.fold.nextWindow(millis(log.now + 1)), net: 2 ** 49 };
  log.fold.society.apply(log.fold.size, { type: "energy.window", timeMs: body.t1, body });
  for (let i = 0; i < 2; i += 1) {
    const charge = log.fold.society.chargeFor(log.time, "roof")!;
    expect(charge.amount).toBe(MAX_ENERGY);
    log.add("society.charge", charge);
  }
  expect(log.fold.society.reservable).toBe(MAX_ENERGY);
  log.reserve(MAX_ENERGY);
});
