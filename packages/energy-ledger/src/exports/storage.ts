/**
 * Storage charge, discharge and allocation records, in the sense of granular certificates (EnergyTag): what was
 * charged from which source, what was discharged, and which charge each discharge, loss, expiry and work is taken
 * from, first in, first out. Energy is what the terminals measured; losses are what reconciling found, never an
 * assumed efficiency.
 */
import { InvariantViolation } from "@wattseal/base";
import type { EnergyReconcile, EnergyWindow } from "../entries/energy.js";
import type { Entry } from "../entries/entry.js";
import type { SocietyCharge } from "../entries/society.js";
import { LedgerError } from "../errors.js";
import { totalOf } from "../society/queue.js";
import type { SocietySummary } from "../society/summary.js";
import { type DrawnLot, LotBook } from "./lots.js";
import { type ExportHead, proofOf } from "./proof.js";
import { type Backed, type Covered, coveredBy, type StorageRecord } from "./storage-record.js";
import { Passages } from "./storage-trade.js";
import { instant } from "./text.js";

type Records = readonly StorageRecord[];
type Cause = Extract<StorageRecord, { record: "allocation" }>["cause"];

export class StorageRecords {
  readonly #head: ExportHead;
  readonly #lots = new LotBook();
  readonly #passages = new Passages(this.#lots);
  /** The windows that what is eligible now came from. */
  #gained: { readonly first: number; readonly from: number; readonly to: number } | undefined;

  constructor(head: ExportHead) {
    this.#head = head;
  }

  /**
   * Takes the next entry with the society's accounts before and after it. Throws LedgerError `order` for an entry
   * that moves lots in a way these records do not know; InvariantViolation when the lots do not add up.
   */
  take(index: number, entry: Entry, before: SocietySummary, after: SocietySummary): Records {
    const records = this.#records(index, entry, before, after);
    if (after.eligible === 0) this.#gained = undefined;
    const { atp, reserved, withheld } = this.#lots.totals;
    if (atp === after.atp && reserved === after.reserved && withheld === after.withheld) {
      return records;
    }
    throw new InvariantViolation(
      `entry ${index} (${entry.type}): lots of ${atp}, ${reserved} and ${withheld} mWh, but the society holds ${after.atp}, ${after.reserved} and ${after.withheld}`,
    );
  }

  #records(index: number, entry: Entry, before: SocietySummary, after: SocietySummary): Records {
    const backed = { id: index, time: instant(entry.timeMs), proof: proofOf(this.#head, index) };
    const { type, body } = entry;
    if (type === "society.charge") {
      const [lot, withheld] = [after.atp - before.atp, after.withheld - before.withheld];
      this.#lots.charge(index, entry.timeMs, lot, withheld);
      return [this.#charge(backed, body, lot, withheld)];
    }
    if (type === "energy.window") return this.#window(backed, body, before, after);
    if (type === "energy.reconcile") return this.#reconcile(backed, body, before, after);
    if (type === "society.expire") {
      return this.#expiry(backed, this.#draw(coveredBy(before, after)));
    }
    const worked = this.#work(backed, entry);
    if (worked !== undefined) return worked;
    const passage = this.#passages.take(index, entry, before, after);
    if (passage === undefined) requireStill(index, entry, before, after);
    const { record, drawn = [] } = passage ?? {};
    if (record === undefined) return [];
    return [{ ...backed, ...record }, ...this.#allocations(backed, "departure", drawn)];
  }

  #work(backed: Backed, { type, body }: Entry): Records | undefined {
    if (type === "society.certify") {
      const { amount: energyMwh, certifier } = body;
      const moved = this.#allocations(backed, "certification", this.#lots.certify(energyMwh));
      return [{ record: "certification", ...backed, energyMwh, certifier }, ...moved];
    }
    if (type === "society.reserve") {
      this.#lots.reserve(backed.id, body.amount);
      return [];
    }
    if (type === "society.commit") {
      const { ticket, amount: energyMwh = 0 } = body;
      const spent = this.#allocations(backed, "work", this.#lots.close(ticket, energyMwh));
      return [{ record: "work", ...backed, energyMwh, ticket }, ...spent];
    }
    if (type !== "society.rollback") return undefined;
    return this.#expiry(backed, this.#lots.close(body.ticket, totalOf(body.lots)));
  }

  #charge(
    backed: Backed,
    { amount, sources }: SocietyCharge,
    lotMwh: number,
    withheldMwh: number,
  ): StorageRecord {
    const gained = this.#gained;
    return {
      record: "charge",
      ...backed,
      from: gained && instant(gained.from),
      to: gained && instant(gained.to),
      energyMwh: amount,
      sources: sources.map(({ source, amount: mwh }) => ({ source, mwh })),
      lotMwh,
      withheldMwh,
      proof: proofOf(this.#head, gained?.first ?? backed.id, backed.id),
    };
  }

  #window(
    backed: Backed,
    { t0, t1, first = backed.id, net }: EnergyWindow,
    before: SocietySummary,
    after: SocietySummary,
  ): Records {
    if (net >= 0) {
      const known = this.#gained ?? { first, from: t0 };
      if (after.eligible > before.eligible) this.#gained = { ...known, to: t1 };
      return this.#delivery(backed, { t0, t1 }, before.claims - after.claims);
    }
    const covered = coveredBy(before, after);
    const span = { from: instant(t0), to: instant(t1) };
    const proof = proofOf(this.#head, first, backed.id);
    return [
      { record: "discharge", ...backed, ...span, energyMwh: -net, ...covered, proof },
      ...this.#allocations(backed, "discharge", this.#draw(covered)),
    ];
  }

  #delivery(
    backed: Backed,
    { t0, t1 }: Pick<EnergyWindow, "t0" | "t1">,
    energyMwh: number,
  ): Records {
    if (energyMwh === 0) return [];
    return [{ record: "delivery", ...backed, energyMwh, from: instant(t0), to: instant(t1) }];
  }

  #reconcile(
    backed: Backed,
    { kind, stock }: EnergyReconcile,
    before: SocietySummary,
    after: SocietySummary,
  ): Records {
    if (kind === "opening") return [{ record: "opening", ...backed, energyMwh: stock }];
    const covered = coveredBy(before, after);
    const energyMwh = after.recordedLoss - before.recordedLoss;
    return [
      { record: "loss", ...backed, energyMwh, kind, ...covered },
      ...this.#allocations(backed, "loss", this.#draw(covered)),
    ];
  }

  #expiry(backed: Backed, drawn: readonly DrawnLot[]): Records {
    if (drawn.length === 0) return [];
    const record = { record: "expiry", ...backed, energyMwh: totalOf(drawn) } as const;
    return [record, ...this.#allocations(backed, "expiry", drawn)];
  }

  #draw({ reservedMwh, lotsMwh, withheldMwh }: Covered): readonly DrawnLot[] {
    const lots = this.#lots;
    return [
      ...lots.drawReserved(reservedMwh),
      ...lots.drawLots(lotsMwh),
      ...lots.drawWithheld(withheldMwh),
    ];
  }

  #allocations(backed: Backed, cause: Cause, drawn: readonly DrawnLot[]): Records {
    return drawn.map(({ charge, account, ticket, amount }) => ({
      record: "allocation",
      ...backed,
      cause,
      charge,
      account,
      ticket,
      energyMwh: amount,
      proof: proofOf(this.#head, charge, backed.id),
    }));
  }
}

function requireStill(
  index: number,
  { type }: Entry,
  before: SocietySummary,
  after: SocietySummary,
): void {
  const { atp, reserved, withheld } = after;
  if (before.atp === atp && before.reserved === reserved && before.withheld === withheld) return;
  const problem = "moves lots in a way that storage records do not know yet";
  throw new LedgerError("order", problem, { index, type });
}
