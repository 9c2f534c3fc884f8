/** Holds several societies to what must be true of them together, by their logs alone and apart from their folds. */
import type { LctId } from "@wattseal/base";
import { decodeEntry } from "../entries/entry.js";
import type { SocietyReport, TradeTerms } from "../entries/trade.js";
import { DAY } from "../ledger.fixture.js";
import type { SocietyEntry } from "../society/fold.js";
import { require } from "../society/side-by-side.fixture.js";
import { heldBy } from "../society/summary.js";
import { arrivingOf, tradeId } from "./terms.js";
import type { Society } from "./world.fixture.js";

interface Trade {
  readonly terms: TradeTerms;
  escrowed: boolean;
  decision?: "commit" | "abort";
  sold?: "commit" | "abort" | "lapse";
  bought: boolean;
}

export class Accountant {
  readonly trades = new Map<string, Trade>();
  /** Reports by log and index; whether a parent has recorded it. */
  readonly reports = new Map<string, { readonly body: SocietyReport; recorded: boolean }>();
  readonly counts = new Map<string, number>();
  readonly #claims = new Map<LctId, number>();
  /** Rate and fee of what was bought, all in all. */
  #converted = 0;

  /** After this entry, the society's last, was taken. */
  take(society: Society): void {
    const index = society.size - 1;
    const entry = decodeEntry(society.entries[index]!.bytes) as SocietyEntry;
    this.count(entry.type);
    this.#follow(society, index, entry);
    const s = society.summary;
    require(s.atp + s.reserved + s.adp === s.supply, "tokens are the supply");
    const measured = s.opening + s.net - s.recordedLoss;
    require(heldBy(s) === measured + s.claims, "energy is what was measured and claimed");
    require(s.claims === this.#claimsOf(society), `claims of ${society.lct}`);
  }

  #claimsOf({ lct }: Society): number {
    return this.#claims.get(lct) ?? 0;
  }

  #claim(society: Society, amount: number): void {
    this.#claims.set(society.lct, this.#claimsOf(society) + amount);
  }

  #follow(society: Society, index: number, { type, body }: SocietyEntry): void {
    if (type === "energy.window") {
      const owed = this.#claimsOf(society);
      const settled =
        Math.sign(owed) === Math.sign(body.net) ? Math.min(Math.abs(owed), Math.abs(body.net)) : 0;
      this.#claim(society, -Math.sign(owed) * settled);
    } else if (type === "society.escrow") this.#escrow(society, body);
    else if (type === "society.decide") {
      const trade = this.tradeOf(body.terms);
      require(trade.decision === undefined, "a trade is decided once");
      require(trade.escrowed ||
        body.decision === "abort", "nothing is committed without an escrow");
      trade.decision = body.decision;
    } else if (type === "society.trade") this.#end(society, index, body);
    else if (type === "society.report") {
      this.#claim(society, -body.amount);
      this.reports.set(`${society.lct} ${index}`, { body, recorded: false });
    } else if (type === "society.record") {
      const report = this.reports.get(`${body.citizen} ${body.report}`)!;
      require(!report.recorded && report.body.parent === society.lct, "a report is recorded once");
      require(report.body.amount === body.amount, "a report says how much");
      report.recorded = true;
      this.#arrive(society, index, body.amount, report.body.expires);
    }
  }

  tradeOf(terms: TradeTerms): Trade {
    const id = tradeId(terms);
    const found = this.trades.get(id) ?? { terms, escrowed: false, bought: false };
    this.trades.set(id, found);
    return found;
  }

  #escrow(society: Society, terms: TradeTerms): void {
    const trade = this.tradeOf(terms);
    trade.escrowed = true;
    const { traded, charter } = society.fold.save();
    const { lots } = traded!.escrows.at(-1)!;
    for (const { since } of lots) {
      require(since + charter.policy!.lotDays * DAY >= terms.expires, "no lot outlives itself");
    }
    require(lots.reduce((sum, { amount }) => sum + amount, 0) === terms.amount, "all is kept");
  }

  #end(
    society: Society,
    index: number,
    {
      outcome,
      terms,
    }: { readonly outcome: "commit" | "abort" | "lapse"; readonly terms: TradeTerms },
  ): void {
    const trade = this.tradeOf(terms);
    if (outcome !== "lapse") require(trade.decision === outcome, "both sides do what was decided");
    if (society.lct === terms.seller) {
      require(trade.escrowed && trade.sold === undefined, "an escrow ends once");
      trade.sold = outcome;
      this.count(`sold by ${outcome}`);
      if (outcome !== "abort") this.#claim(society, -terms.amount);
    } else {
      require(!trade.bought, "energy arrives once");
      trade.bought = true;
      const arriving = arrivingOf(terms);
      this.#converted += terms.amount - arriving;
      this.#arrive(society, index, arriving, terms.expires);
    }
    require(!(trade.bought && trade.sold === "abort"), "no trade ends two ways");
  }

  #arrive(society: Society, index: number, amount: number, expires: number): void {
    this.#claim(society, amount);
    const { book, charter } = society.fold.save();
    for (const { charge, since } of [...book.lots, ...book.withheld]) {
      if (charge !== index) continue;
      require(since <= society.now, "nothing is younger than now");
      require(since + charter.policy!.lotDays * DAY <= expires, "energy keeps its last date");
    }
  }

  /** What an export says of where energy went: no charge and no arrival is spent twice. */
  #follows({ records }: Society): void {
    const left = new Map<number, number>();
    let owed = 0;
    for (const record of records) {
      const { id, energyMwh } = record;
      if (record.record === "charge" || record.record === "arrival") {
        left.set(id, record.lotMwh + record.withheldMwh);
      }
      if (record.record === "departure") owed += energyMwh;
      if (record.record === "discharge" || record.record === "departure") {
        const { reservedMwh, lotsMwh, withheldMwh, unclaimedMwh, eligibleMwh } = record;
        const drawn = reservedMwh + lotsMwh + withheldMwh + unclaimedMwh + eligibleMwh;
        require(drawn + record.deficitMwh + record.owedMwh === energyMwh, "parts add up");
        owed -= record.owedMwh;
      }
      if (record.record !== "allocation" || record.cause === "certification") continue;
      const rest = (left.get(record.charge) ?? 0) - energyMwh;
      require(rest >= 0, `what ${record.charge} brought is spent once`);
      left.set(record.charge, rest);
    }
    require(owed >= 0, "no more is delivered than departed");
  }

  /** Once every clock is past every last date, and everybody has entered what is due. */
  close(societies: readonly Society[]): void {
    let given = 0;
    let arrived = 0;
    for (const { terms, escrowed, sold, bought } of this.trades.values()) {
      require(escrowed === (sold !== undefined), "every escrow has ended");
      require(!bought || sold === "commit" || sold === "lapse", "what arrived has left");
      if (sold !== "abort" && escrowed) given += terms.amount;
      if (bought) arrived += arrivingOf(terms);
    }
    for (const society of societies) this.#follows(society);
    const converted = societies.reduce((sum, { summary }) => sum + summary.conversionLoss, 0);
    require(converted === this.#converted, "what did not arrive is on record");
    require(arrived + converted <= given, "nothing arrives that was not given");
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }
}
