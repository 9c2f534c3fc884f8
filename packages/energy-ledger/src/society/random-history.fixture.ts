/** One society's life at random. */
import { millis, milliwattHours } from "@wattseal/base";
import { MAX_ENERGY } from "../codec/scalars.js";
import { encodeAs } from "../codec/schema.js";
import type { EntryBody } from "../entries/entry.js";
import { mintPayload, policyPayload, sourcePayload } from "../entries/society.js";
import { DAY, MINUTE, WORKER } from "../ledger.fixture.js";
import { PACK } from "../samples.fixture.js";
import type { Dice } from "./dice.fixture.js";
import { sum } from "./plain.fixture.js";
import { require, SideBySide, sameItems } from "./side-by-side.fixture.js";

const mwh = milliwattHours;
const MOST = 2 ** 51;

export class RandomHistory {
  readonly both = new SideBySide();
  readonly #dice: Dice;
  readonly #scale: number;
  /** How much windows discharge, where they charge 20. */
  readonly #drain: number;
  #serial = 0;
  #tier: "high" | "developing" | "low" = "high";
  #proven = 0;
  readonly #operations = weighted([
    [26, () => this.#window()],
    [24, () => this.#charge()],
    [11, () => this.#reserve()],
    [9, () => this.#commit()],
    [6, () => this.#fail()],
    [9, () => this.#certify()],
    [1, () => this.#reconcile()],
    [4, () => this.#impossible()],
  ]);
  /** What the society's entries stand among. */
  readonly #surroundings = weighted([
    [3, () => this.#wait(2 * DAY)],
    [1, () => this.#wait(9 * DAY)],
    [1, () => this.#mint(1 + this.#dice.below(10 * this.#scale))],
    [1, () => this.#policy()],
    [1, () => this.#epoch()],
    [1, () => this.#clock()],
  ]);

  constructor(dice: Dice) {
    this.#dice = dice;
    this.#scale = dice.pick([3, 1_000, 1_000_000, 2 ** 40]);
    this.#drain = dice.pick([1, 10, 19, 21]);
    this.#policy();
    this.#mint(this.#scale * (1 + dice.below(100)));
    if (dice.below(2) === 0) {
      const stock = mwh(dice.below(20 * this.#scale));
      this.both.apply("energy.reconcile", { kind: "opening", stock, basis: "" });
      this.#plain.open(stock);
      this.both.agree();
    }
  }

  get #plain() {
    return this.both.plain;
  }

  get #fold() {
    return this.both.fold;
  }

  /** One operation, which may take several entries. */
  step(): void {
    const dice = this.#dice;
    this.both.now += dice.below(40 * MINUTE);
    if (dice.below(12) === 0) dice.pick(this.#surroundings)();
    else {
      this.both.settle(dice);
      dice.pick(this.#operations)();
    }
    this.both.agree();
  }

  /** All that is in lots and withheld comes to its date. */
  end(): void {
    this.both.context.synchronised = true;
    this.both.now += 400 * DAY;
    this.both.settle(this.#dice);
    this.both.agree();
  }

  #window(): void {
    const wanted = this.#dice.below(20 * this.#scale) - this.#dice.below(this.#drain * this.#scale);
    const net = Math.max(-MOST - this.#plain.net, Math.min(MOST - this.#plain.net, wanted));
    require(this.#fold.countable(wanted) === net, "net energy stays in its range");
    if (-net > sum(this.#plain.lots) && this.#plain.held > 0)
      this.both.count("discharge of tickets and lots");
    this.both.apply("energy.window", this.both.nextWindow(net));
    this.#plain.window(net);
  }

  #bps(): number {
    const { epochState } = this.both.context;
    if (epochState === "unattested") return 0;
    if (epochState === "software" || this.#tier === "low") return 6_000;
    return this.#tier === "high" && epochState === "attested" ? 10_000 : 8_765;
  }

  #charge(): void {
    if (this.both.now - this.#proven > 20 * DAY) this.#source();
    const most = this.#fold.chargeFor(millis(this.both.now), "roof");
    if (most === undefined) return;
    const amount = mwh(this.#dice.upTo(most.amount));
    const tierBps = this.#bps();
    const sources = [{ source: "roof", amount }];
    const index = this.both.apply("society.charge", { amount, sources, tierBps });
    this.#plain.charge(index, this.both.now, amount, tierBps);
  }

  #certifyBody(amount: number): EntryBody<"society.certify"> {
    return { amount: mwh(amount), by: "application", certifier: "pump", proof: undefined };
  }

  #certify(): void {
    const most = Math.min(MAX_ENERGY, sum(this.#plain.withheld), this.#plain.adp);
    if (this.both.context.epochState === "unattested") {
      this.both.refused("society.certify", this.#certifyBody(1), "certify");
    } else if (most > 0) {
      const amount = this.#dice.upTo(most);
      this.both.apply("society.certify", this.#certifyBody(amount));
      this.#plain.certify(amount);
    }
  }

  #reserveBody(amount: number): EntryBody<"society.reserve"> {
    return { amount: mwh(amount), worker: WORKER, task: "compute", order: undefined };
  }

  #reserve(): void {
    const most = Math.min(MAX_ENERGY, sum(this.#plain.lots.slice(0, 256)));
    require(this.#fold.reservable === most, "reservable is what the oldest lots hold");
    if (most === 0 || this.#plain.tickets.length > 20) return;
    const amount = this.#dice.upTo(most);
    const ticket = this.both.apply("society.reserve", this.#reserveBody(amount));
    this.#plain.reserve(ticket, this.both.now, amount);
  }

  #commit(): void {
    const found = this.#dice.pick(this.#plain.tickets);
    if (found === undefined) return;
    const { ticket, used, lots } = found;
    const held = sum(lots);
    const amount =
      held === 0 || (used > 0 && this.#dice.below(3) === 0) ? 0 : this.#dice.upTo(held);
    const result = { quality: this.#dice.below(10_001), proof: undefined };
    const body = { ticket, amount: amount === 0 ? undefined : mwh(amount), ...result };
    if (amount + used === 0) {
      this.both.refused("society.commit", body, "ticket");
      return;
    }
    const earned = (BigInt(used + amount) * BigInt(result.quality)) / 10_000n;
    require(BigInt(this.#fold.rewardOf(body).reputation) === earned, "the work earns its share");
    if (amount === 0) this.both.count("commit of what windows used");
    this.both.apply("society.commit", body);
    this.#plain.commit(ticket, amount);
  }

  #fail(): void {
    const found = this.#dice.pick(this.#plain.tickets);
    if (found === undefined) return;
    const old = this.both.context.synchronised ? this.#plain.old(found.ticket, this.both.now) : [];
    const body = this.#fold.rollbackFor(millis(this.both.now), found.ticket);
    require(sameItems(body.lots, old), "a rollback expires what is past its date");
    this.both.expired(body.lots);
    if (old.length > 0) this.both.count("rollback with waste");
    this.both.apply("society.rollback", body);
    this.#plain.rollback(found.ticket, old);
  }

  #reconcile(): void {
    const { opening, net, loss } = this.#plain;
    const error = this.#dice.below(5 * this.#scale) - this.#dice.below(9 * this.#scale);
    const stock = mwh(Math.min(MAX_ENERGY, Math.max(0, opening + net - loss + error)));
    if (Math.abs(opening + net - stock) > MOST) return;
    require(Number.isSafeInteger(loss), "losses stay exact");
    this.both.apply("energy.reconcile", {
      kind: this.#dice.pick(["full", "empty"] as const),
      stock,
      basis: "",
    });
    this.#plain.reconcile(stock);
  }

  /** Spends or settles what is not there. */
  #impossible(): void {
    const { plain } = this.both;
    const { atp, withheld, eligible } = plain.summary();
    const known = this.#dice.pick(plain.tickets);
    const amount = mwh(eligible + 1);
    const charge = { amount, sources: [{ source: "roof", amount }], tierBps: this.#bps() };
    const [quality, proof] = [1, undefined];
    const ticket = known?.ticket ?? this.both.steps.length;
    const beyond = mwh(1 + sum(known?.lots ?? []));
    const commit = { ticket, amount: beyond, quality, proof };
    const rollback = { ticket, reason: "deadline", lots: [] } as const;
    this.both.refused("society.charge", charge, "charge");
    this.both.refused("society.reserve", this.#reserveBody(atp + 1), "ticket");
    this.both.refused("society.certify", this.#certifyBody(withheld + 1), "certify");
    this.both.refused("society.commit", commit, "ticket");
    this.both.refused("society.rollback", rollback, "ticket");
    this.both.refused("society.expire", { lots: [], withheld: [] }, "expire");
  }

  #wait(most: number): void {
    this.both.now += this.#dice.below(most);
  }

  #epoch(): void {
    const states = ["attested", "attested", "unmeasured", "software", "unattested"] as const;
    this.both.context.epochState = this.#dice.pick(states);
  }

  #clock(): void {
    this.both.context.synchronised = this.#dice.below(4) > 0;
  }

  #mint(amount: number): void {
    if (this.#plain.supply + amount > MOST) return;
    this.#serial += 1;
    const mint = { purpose: "wattseal-mint-1", society: PACK, amount: mwh(amount) } as const;
    const payload = { ...mint, serial: this.#serial };
    this.both.apply("society.mint", { sign1: encodeAs(mintPayload, payload) });
    this.#plain.mint(amount);
  }

  #policy(): void {
    const dice = this.#dice;
    this.#serial += 1;
    this.#tier = dice.pick(["high", "developing", "low"]);
    this.#plain.lotDays = dice.pick([1, 5, 7, 7]);
    this.#plain.withheldDays = dice.pick([1, 3, 7, 30]);
    const shares = { highBps: 10_000, developingBps: 8_765, lowBps: 6_000, tier: this.#tier };
    const { lotDays, withheldDays } = this.#plain;
    const life = { lotDays, withheldDays, wasteAlert: mwh(0), declaredCap: mwh(0) };
    const payload = { purpose: "wattseal-policy-1", society: PACK, version: this.#serial } as const;
    const sign1 = encodeAs(policyPayload, { ...payload, ...shares, ...life });
    this.both.apply("society.policy", { sign1 });
  }

  #source(): void {
    this.#proven = this.both.now;
    const payload = { purpose: "wattseal-source-1", society: PACK, source: "roof" } as const;
    const rated = { kind: "solar", ratedWatts: 2 ** 31 - 1, meter: undefined } as const;
    const proof = { ...payload, ...rated, provenAt: millis(this.both.now) };
    this.both.apply("society.source", { sign1: encodeAs(sourcePayload, proof) });
  }
}

function weighted<T>(rows: readonly (readonly [number, T])[]): readonly T[] {
  return rows.flatMap(([weight, item]) => Array<T>(weight).fill(item));
}
