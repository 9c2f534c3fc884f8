/** Three societies that trade and work for each other, and their witness: dying, coming back, losing messages, forging. */
import { type Millis, millis, milliwattHours } from "@wattseal/base";
import type { EntryBody } from "../entries/entry.js";
import type { TradeTerms } from "../entries/trade.js";
import { LedgerError } from "../errors.js";
import { DAY, MINUTE, WORKER } from "../ledger.fixture.js";
import type { Dice } from "../society/dice.fixture.js";
import type { SocietyEntry } from "../society/fold.js";
import { require } from "../society/side-by-side.fixture.js";
import { Accountant } from "./accountant.fixture.js";
import { sameTerms } from "./terms.js";
import { nameOf, proofOf, Society, WITNESS, World } from "./world.fixture.js";

const mwh = milliwattHours;
const NAMES = [nameOf("pack", "a"), nameOf("pack", "b"), nameOf("society", "p")];

/** Something that one log has, as anybody may have heard of it. */
interface Heard {
  readonly from: Society;
  readonly index: number;
}

export class RandomWorld {
  readonly accountant = new Accountant();
  readonly #world = new World();
  readonly #dice: Dice;
  readonly #packs: readonly Society[];
  readonly #witness: Society;
  /** Who is dead, and until when. */
  readonly #dead = new Map<Society, number>();
  /** mWh that a window may take out, where it may bring 3,000. */
  readonly #drain: number;
  readonly #terms: TradeTerms[] = [];
  readonly #decisions: (Heard & { readonly body: EntryBody<"society.decide"> })[] = [];
  readonly #reports: Heard[] = [];
  readonly #operations = weighted([
    [12, () => this.#window()],
    [16, () => this.#charge()],
    [18, () => this.#escrow()],
    [10, () => this.#offer()],
    [14, () => this.#decide()],
    [22, () => this.#hear()],
    [6, () => this.#reserve()],
    [8, () => this.#report()],
    [10, () => this.#record()],
    [3, () => this.#finish()],
    [6, () => this.#forge()],
    [8, () => this.#cosign()],
    [2, () => this.#reconcile()],
    [1, () => this.#die()],
    [1, () => this.#policy()],
    [1, () => this.#clock()],
    [25, () => this.#goOn()],
    [2, () => this.#wait(MINUTE * 20)],
    [1, () => this.#wait(2 * DAY)],
  ]);

  constructor(dice: Dice) {
    this.#dice = dice;
    this.#drain = dice.pick([500, 2_000, 3_500]);
    this.#packs = NAMES.map((name) => new Society(this.#world, name));
    this.#witness = new Society(this.#world, WITNESS);
    this.#witness.policy([]);
    for (const pack of this.#packs) {
      pack.skew = dice.below(4_000) - 2_000;
      pack.policy(NAMES);
      pack.mint(1 + dice.below(dice.pick([2_000, 50_000])));
      pack.source();
    }
    this.#world.now += DAY;
  }

  step(): void {
    this.#world.now += this.#dice.below(MINUTE / 2);
    for (const [society, until] of this.#dead) if (until <= this.#world.now) this.#revive(society);
    this.#dice.pick(this.#operations)();
  }

  /** Everybody lives, time goes past every last date, and all enter what is due. */
  end(): void {
    for (const society of [...this.#dead.keys()]) this.#revive(society);
    this.#world.now += 400 * DAY;
    for (const pack of this.#packs) {
      pack.context.synchronised = true;
      this.#settle(pack);
      require(pack.fold.trades.open().length === 0, "no escrow stays");
    }
    this.accountant.close(this.#packs);
  }

  /** A society that lives, with nothing due. */
  #living(): Society | undefined {
    const pack = this.#dice.pick(this.#packs);
    if (this.#dead.has(pack)) return undefined;
    this.#settle(pack);
    return pack;
  }

  #settle(pack: Society): void {
    for (;;) {
      const due = pack.fold.dueEntry(pack.time);
      if (due === undefined) return;
      this.#add(pack, due.type, due.body);
    }
  }

  #add<T extends SocietyEntry["type"]>(society: Society, type: T, body: EntryBody<T>): number {
    const index = society.add(type, body);
    this.accountant.take(society);
    return index;
  }

  /** What may be refused, for a reason that is the other societies' or the clock's; never half taken. */
  #try<T extends SocietyEntry["type"]>(
    society: Society,
    type: T,
    body: EntryBody<T>,
  ): number | undefined {
    const before = JSON.stringify(society.summary);
    try {
      return this.#add(society, type, body);
    } catch (thrown) {
      if (!(thrown instanceof LedgerError)) throw thrown;
      require(JSON.stringify(society.summary) === before, `a refused ${type} changes nothing`);
      this.accountant.count(`refused ${thrown.code}`);
      return undefined;
    }
  }

  #window(): void {
    const pack = this.#living();
    if (pack === undefined) return;
    const net = this.#dice.below(3_000) - this.#dice.below(this.#drain);
    const [t0, t1] = [millis(pack.now - MINUTE), pack.time];
    this.#add(pack, "energy.window", { t0, t1, first: undefined, count: 0, net });
  }

  #charge(): void {
    const pack = this.#living();
    const charge = pack?.fold.chargeFor(pack.time, "roof");
    if (pack !== undefined && charge !== undefined) this.#add(pack, "society.charge", charge);
    else if (pack !== undefined && this.#dice.below(20) === 0) pack.source();
  }

  #escrow(): void {
    const seller = this.#living();
    if (seller === undefined || seller.summary.atp === 0) return;
    const most = this.#dice.pick([seller.summary.atp, Math.min(300, seller.summary.atp)]);
    const amount = mwh(this.#dice.upTo(most));
    const terms = seller.fold.trades.escrowFor(seller.size, {
      buyer: this.#dice.pick(NAMES),
      witness: WITNESS,
      amount,
      rateBps: this.#dice.pick([10_000, 9_876, 1 + this.#dice.below(10_000)]),
      fee: mwh(this.#dice.pick([0, 0, this.#dice.below(50)])),
      decideBy: this.#soon(),
    });
    if (this.#dice.below(8) === 0) {
      const longer = { ...terms, expires: millis(terms.expires + 1) };
      require(this.#try(seller, "society.escrow", longer) === undefined, "no lot outlives itself");
    }
    if (this.#try(seller, "society.escrow", terms) !== undefined) this.#terms.push(terms);
  }

  #soon(): Millis {
    return millis(this.#world.now + this.#dice.below(2 * 60) * MINUTE);
  }

  #seller({ seller }: TradeTerms): Society {
    return this.#world.societies.get(seller)!;
  }

  /** Old and new trades alike, again and again. */
  #someTerms(): TradeTerms | undefined {
    if (this.#terms.length === 0) return undefined;
    const recent = this.#terms.slice(-6);
    return this.#dice.pick(this.#dice.below(4) === 0 ? this.#terms : recent);
  }

  #offer(): void {
    const terms = this.#someTerms();
    if (terms === undefined || this.#dead.has(this.#witness)) return;
    const proof = proofOf(this.#seller(terms), terms.ticket);
    this.#try(this.#witness, "society.offer", { terms, proof });
  }

  #decide(): void {
    const terms = this.#someTerms();
    if (terms === undefined || this.#dead.has(this.#witness)) return;
    const wish = this.#dice.below(4) === 0 ? "abort" : "commit";
    if (this.#dice.below(4) === 0) {
      const again = this.#dice.pick(["commit", "abort"] as const);
      const index = this.#try(this.#witness, "society.decide", { decision: again, terms });
      if (index !== undefined) this.#decided(index, { decision: again, terms });
      return;
    }
    const answer = this.#witness.fold.trades.witness.decisionFor(terms, wish, this.#witness.time);
    if ("nothing" in answer) return;
    if ("decided" in answer) {
      const { decision } = this.accountant.tradeOf(terms);
      require(answer.decided === decision, "the witness answers what its log says");
      return;
    }
    this.#decided(this.#add(this.#witness, "society.decide", answer.enter), answer.enter);
  }

  #decided(index: number, body: EntryBody<"society.decide">): void {
    this.#decisions.push({ from: this.#witness, index, body });
  }

  /** A trade in its order, until somebody dies or loses interest. */
  #goOn(): void {
    const steps = [this.#escrow, this.#cosign, this.#offer, this.#decide, this.#cosign];
    for (const step of [...steps, this.#hear, this.#hear, this.#hear]) {
      if (this.#dice.below(40) === 0) this.#die();
      if (this.#dice.below(8) === 0) return;
      step.call(this);
    }
  }

  /** A decision reaches somebody, perhaps not for the first time, perhaps one whom it is not for. */
  #hear(): void {
    if (this.#decisions.length === 0) return;
    const recent = this.#decisions.slice(-5);
    const { from, index, body } = this.#dice.pick(
      this.#dice.below(5) === 0 ? this.#decisions : recent,
    );
    const pack = this.#living();
    if (pack === undefined) return;
    const proof = proofOf(from, index);
    const entry = pack.fold.trades.tradeFor(body, proof);
    if (entry !== undefined) this.#try(pack, "society.trade", entry);
    else if (this.#dice.below(3) === 0) {
      const again = { outcome: body.decision, terms: body.terms, proof };
      pack.refuses("society.trade", again);
      this.accountant.count("refused again");
    }
  }

  #reserve(): void {
    const pack = this.#living();
    if (pack === undefined || pack.fold.reservable === 0) return;
    const amount = mwh(this.#dice.upTo(pack.fold.reservable));
    const order = { worker: WORKER, task: "compute", order: undefined };
    this.#try(pack, "society.reserve", { amount, ...order });
  }

  #ticket(pack: Society): number | undefined {
    const held = pack.fold.tickets().filter(({ held: mwhHeld }) => mwhHeld > 0);
    return held.length === 0 ? undefined : this.#dice.pick(held).ticket;
  }

  #report(): void {
    const citizen = this.#living();
    const ticket = citizen && this.#ticket(citizen);
    if (citizen === undefined || ticket === undefined) return;
    const { held } = citizen.fold.ticket(ticket);
    const work = { ticket, parent: this.#dice.pick(NAMES), quality: 9_000, proof: undefined };
    const report = citizen.fold.trades.reportFor({ ...work, amount: mwh(this.#dice.upTo(held)) });
    const index = this.#try(citizen, "society.report", report);
    if (index !== undefined) this.#reports.push({ from: citizen, index });
  }

  #record(): void {
    const parent = this.#living();
    if (this.#reports.length === 0 || parent === undefined) return;
    const recent = this.#reports.slice(-3);
    const { from, index } = this.#dice.pick(this.#dice.below(5) === 0 ? this.#reports : recent);
    const { body } = this.accountant.reports.get(`${from.lct} ${index}`)!;
    const { amount, expires } = body;
    const proof = proofOf(from, index);
    this.#try(parent, "society.record", {
      citizen: from.lct,
      report: index,
      amount,
      expires,
      proof,
    });
  }

  #finish(): void {
    const pack = this.#living();
    const ticket = pack && this.#ticket(pack);
    if (pack === undefined || ticket === undefined) return;
    if (this.#dice.below(2) === 0) {
      this.#add(pack, "society.rollback", pack.fold.rollbackFor(pack.time, ticket));
      return;
    }
    const { held } = pack.fold.ticket(ticket);
    const amount = mwh(this.#dice.upTo(held));
    this.#add(pack, "society.commit", { ticket, amount, quality: 1, proof: undefined });
  }

  /** Terms and proofs of which one thing is false. */
  #forge(): void {
    const terms = this.#someTerms();
    const pack = this.#living();
    if (terms === undefined || pack === undefined) return;
    const dice = this.#dice;
    const changed: TradeTerms = {
      ...terms,
      ...dice.pick<Partial<TradeTerms>>([
        { amount: mwh(terms.amount + 1) },
        { rateBps: terms.rateBps === 10_000 ? 9_999 : terms.rateBps + 1 },
        { ticket: terms.ticket + 1 },
        { expires: millis(terms.expires + 1) },
        { seller: dice.pick(NAMES), buyer: pack.lct },
        {},
      ]),
    };
    const from = dice.pick([this.#witness, ...this.#packs]);
    const random = proofOf(from, dice.below(from.size + 2), dice.pick(["witness.example", "eve"]));
    const known = this.#decisions.find(({ body }) => sameTerms(body.terms, terms));
    const proof = known === undefined ? random : proofOf(known.from, known.index);
    const outcome = dice.pick([known?.body.decision ?? "commit", "abort"] as const);
    const forged = { outcome, terms: changed, proof };
    const trade = this.accountant.tradeOf(changed);
    if (trade.decision === outcome) return;
    pack.refuses("society.trade", forged);
    this.accountant.count("forged");
    if (this.#dead.has(this.#witness) || trade.escrowed) return;
    this.#witness.refuses("society.offer", { terms: changed, proof });
  }

  /** The witness sees the logs; a head that it cosigns is one that it has seen. */
  #cosign(): void {
    if (this.#dead.has(this.#witness)) return;
    for (const society of [this.#witness, ...this.#packs]) {
      if (this.#dice.below(4) > 0) society.witness();
    }
  }

  #reconcile(): void {
    const pack = this.#living();
    if (pack === undefined) return;
    const { opening, net, recordedLoss } = pack.summary;
    const stock = opening + net - recordedLoss + this.#dice.below(200) - this.#dice.below(300);
    const kind = this.#dice.pick(["full", "empty"] as const);
    this.#add(pack, "energy.reconcile", { kind, stock: mwh(Math.max(0, stock)), basis: "" });
  }

  #die(): void {
    const society = this.#dice.pick([...this.#packs, this.#witness]);
    const away = this.#dice.pick([MINUTE, 5 * MINUTE, 20 * MINUTE, 20 * MINUTE, DAY]);
    this.#dead.set(society, this.#world.now + this.#dice.below(away));
  }

  #revive(society: Society): void {
    this.#dead.delete(society);
    const before = society.fold.save();
    society.restart(this.#dice.below(2) === 0);
    require(JSON.stringify(society.fold.save()) ===
      JSON.stringify(before), "it comes back as it was");
    this.accountant.count("restart");
  }

  #policy(): void {
    const pack = this.#living();
    if (pack === undefined) return;
    const known = this.#dice.below(8) === 0 ? [] : NAMES;
    const lotDays = this.#dice.pick([2, 5, 7, 7, 14]);
    pack.policy(known, { lotDays, ...(this.#dice.below(8) === 0 ? { witnesses: [] } : {}) });
  }

  #clock(): void {
    const pack = this.#dice.pick(this.#packs);
    pack.context.synchronised = this.#dice.below(3) > 0;
    pack.context.epochState = this.#dice.pick([
      "attested",
      "attested",
      "unmeasured",
      "software",
      "unattested",
    ]);
  }

  #wait(most: number): void {
    this.#world.now += this.#dice.below(most);
  }
}

function weighted<T>(rows: readonly (readonly [number, T])[]): readonly T[] {
  return rows.flatMap(([weight, item]) => new Array<T>(weight).fill(item));
}
