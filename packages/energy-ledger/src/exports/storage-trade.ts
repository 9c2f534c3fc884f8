/** What passes between societies, as storage records: whose energy it is, not where it is. */
import { decodeSign1, millis } from "@wattseal/base";
import type { Entry, EntryBody } from "../entries/entry.js";
import { decodePolicy } from "../entries/society.js";
import type { TradeTerms } from "../entries/trade.js";
import { DAY } from "../society/policy.js";
import type { SocietySummary } from "../society/summary.js";
import type { DrawnLot, LotBook } from "./lots.js";
import { type Covered, coveredBy, type StorageRecord } from "./storage-record.js";

type Kind = Extract<StorageRecord, { record: "departure" | "arrival" }>;
type Said<R> = R extends unknown ? Omit<R, "id" | "time" | "proof"> : never;

interface Passage {
  readonly record?: Said<Kind>;
  /** What left, by charge. */
  readonly drawn?: readonly DrawnLot[];
}

interface Given {
  readonly by: "trade" | "record";
  readonly society: string;
  /** In that society's log. */
  readonly entry: number;
  readonly expires: number;
}

const NOTHING: Covered = {
  reservedMwh: 0,
  lotsMwh: 0,
  withheldMwh: 0,
  unclaimedMwh: 0,
  eligibleMwh: 0,
  deficitMwh: 0,
  owedMwh: 0,
};

/** Keeps a lot book where energy passes between societies. */
export class Passages {
  readonly #lots: LotBook;
  /** Of the policy in force; the default of the format without one. */
  #lotDays = 7;

  constructor(lots: LotBook) {
    this.#lots = lots;
  }

  /** Undefined for an entry that passes nothing. */
  take(
    index: number,
    { type, body, timeMs }: Entry,
    before: SocietySummary,
    after: SocietySummary,
  ): Passage | undefined {
    if (type === "society.policy") {
      this.#lotDays = decodePolicy(decodeSign1(body.sign1).payload).lotDays;
      return undefined;
    }
    if (type === "society.escrow") {
      this.#lots.keep(index, body.amount);
      return {};
    }
    if (type === "society.report") return this.#report(body);
    if (type === "society.record") {
      const given = { society: body.citizen, entry: body.report, expires: body.expires };
      return this.#arrival(index, timeMs, { by: "record", ...given }, before, after);
    }
    if (type !== "society.trade") return undefined;
    const { terms, outcome } = body;
    if (after.claims > before.claims) {
      const given = { society: terms.seller, entry: terms.ticket, expires: terms.expires };
      return this.#arrival(index, timeMs, { by: "trade", ...given }, before, after);
    }
    if (outcome === "abort") {
      this.#lots.close(terms.ticket, 0);
      return {};
    }
    return this.#sale(terms, outcome === "commit" ? "trade" : "lapse", before, after);
  }

  #report({ ticket, parent, amount }: EntryBody<"society.report">): Passage {
    const drawn = this.#lots.close(ticket, amount);
    const covered = { ...NOTHING, reservedMwh: amount };
    const record = { record: "departure", by: "report", society: parent, ticket } as const;
    return { record: { ...record, ...covered, energyMwh: amount }, drawn };
  }

  /** What was kept for it first; where that was used, what else the society drew. */
  #sale(
    { ticket, buyer, amount }: TradeTerms,
    by: "trade" | "lapse",
    before: SocietySummary,
    after: SocietySummary,
  ): Passage {
    const covered = { ...coveredBy(before, after), owedMwh: 0 };
    const kept = this.#lots.close(ticket, amount);
    const rest = covered.reservedMwh - kept.reduce((sum, lot) => sum + lot.amount, 0);
    const drawn = [
      ...kept,
      ...this.#lots.drawReserved(rest),
      ...this.#lots.drawLots(covered.lotsMwh),
      ...this.#lots.drawWithheld(covered.withheldMwh),
    ];
    const record = { record: "departure", by, society: buyer, ticket } as const;
    return { record: { ...record, ...covered, energyMwh: amount }, drawn };
  }

  #arrival(
    index: number,
    now: number,
    { expires, ...given }: Given,
    before: SocietySummary,
    after: SocietySummary,
  ): Passage {
    const since = millis(Math.max(0, Math.min(now, expires - this.#lotDays * DAY)));
    const lotMwh = after.atp - before.atp;
    const withheldMwh = after.withheld - before.withheld;
    this.#lots.charge(index, since, lotMwh, withheldMwh);
    return {
      record: {
        record: "arrival",
        ...given,
        energyMwh: after.claims - before.claims,
        lotMwh,
        withheldMwh,
        repaidMwh: before.deficit - after.deficit,
        lostMwh: after.conversionLoss - before.conversionLoss,
      },
    };
  }
}
