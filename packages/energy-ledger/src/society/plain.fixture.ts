/** The society as its rules read, with plain lists: slow, and apart from the fold. */
import type { SocietySummary } from "./summary.js";

const DAY = 86_400_000;

export interface Item {
  readonly charge: number;
  readonly since: number;
  readonly amount: number;
}
interface Ticket {
  readonly ticket: number;
  readonly since: number;
  lots: Item[];
  used: number;
}
export type PlainDue =
  | { readonly type: "society.rollback"; readonly ticket: number; readonly lots: readonly Item[] }
  | {
      readonly type: "society.expire";
      readonly lots: readonly Item[];
      readonly withheld: readonly Item[];
    };

export const sum = (items: readonly { readonly amount: number }[]) =>
  items.reduce((total, { amount }) => total + amount, 0);

/** Removes up to `wanted` from the front; returns what. */
function take(items: Item[], wanted: number): Item[] {
  const taken: Item[] = [];
  let open = wanted;
  while (open > 0 && items.length > 0) {
    const [oldest] = items.splice(0, 1);
    const part = Math.min(open, oldest!.amount);
    taken.push({ ...oldest!, amount: part });
    if (part < oldest!.amount) items.unshift({ ...oldest!, amount: oldest!.amount - part });
    open -= part;
  }
  return taken;
}

/** Puts an item where its charge belongs, in one piece with what is there of it. */
function give(items: Item[], item: Item): void {
  const at = items.findIndex(({ charge }) => charge >= item.charge);
  if (at < 0) items.push(item);
  else if (items[at]!.charge > item.charge) items.splice(at, 0, item);
  else items[at] = { ...item, amount: items[at]!.amount + item.amount };
}

export class PlainSociety {
  lots: Item[] = [];
  withheld: Item[] = [];
  tickets: Ticket[] = [];
  supply = 0;
  adp = 0;
  eligible = 0;
  unclaimed = 0;
  deficit = 0;
  opening = 0;
  net = 0;
  loss = 0;
  wasted = 0;
  lotDays = 7;
  withheldDays = 7;

  get held(): number {
    return this.tickets.reduce((total, { lots }) => total + sum(lots), 0);
  }

  summary(): SocietySummary {
    const { supply, adp, eligible, unclaimed, deficit, opening, net, wasted } = this;
    const tokens = { supply, atp: sum(this.lots), reserved: this.held, adp };
    const energy = { eligible, withheld: sum(this.withheld), unclaimed, deficit };
    const traded = { claims: 0, conversionLoss: 0 };
    return { ...tokens, ...energy, ...traded, opening, net, recordedLoss: this.loss, wasted };
  }

  mint(amount: number): void {
    this.supply += amount;
    this.adp += amount;
  }

  open(stock: number): void {
    this.opening = stock;
    this.unclaimed = stock;
  }

  window(net: number): void {
    this.net += net;
    if (net < 0) this.discharge(-net);
    else this.gain(net);
  }

  private gain(energy: number): void {
    const repaid = Math.min(energy, this.deficit);
    this.deficit -= repaid;
    this.eligible += energy - repaid;
  }

  private discharge(energy: number): void {
    let open = energy;
    for (const ticket of this.tickets) {
      const got = sum(take(ticket.lots, open));
      ticket.used += got;
      this.adp += got;
      open -= got;
    }
    const available = sum(take(this.lots, open));
    this.adp += available;
    open = this.drawUnclaimed(open - available);
    open -= sum(take(this.withheld, open));
    this.deficit += this.drawEligible(open);
  }

  /** Returns what is still open. */
  private drawUnclaimed(open: number): number {
    const part = Math.min(open, this.unclaimed);
    this.unclaimed -= part;
    return open - part;
  }

  private drawEligible(open: number): number {
    const part = Math.min(open, this.eligible);
    this.eligible -= part;
    return open - part;
  }

  charge(charge: number, since: number, amount: number, bps: number): void {
    const lot = Number((BigInt(amount) * BigInt(bps)) / 10_000n);
    this.eligible -= amount;
    this.adp -= lot;
    if (lot > 0) this.lots.push({ charge, since, amount: lot });
    if (amount > lot) this.withheld.push({ charge, since, amount: amount - lot });
  }

  certify(amount: number): void {
    for (const item of take(this.withheld, amount)) give(this.lots, item);
    this.adp -= amount;
  }

  reserve(ticket: number, since: number, amount: number): void {
    this.tickets.push({ ticket, since, lots: take(this.lots, amount), used: 0 });
  }

  commit(ticket: number, amount: number): void {
    const { lots } = this.remove(ticket);
    take(lots, amount);
    this.adp += amount;
    this.unclaimed += amount;
    for (const lot of lots) give(this.lots, lot);
  }

  private remove(name: number): Ticket {
    const found = this.tickets.find(({ ticket }) => ticket === name)!;
    this.tickets = this.tickets.filter((ticket) => ticket !== found);
    return found;
  }

  /** Of a ticket's lots, those past their date. */
  old(name: number, now: number): readonly Item[] {
    const { lots } = this.tickets.find(({ ticket }) => ticket === name)!;
    return lots.filter(({ since }) => since + this.lotDays * DAY <= now);
  }

  rollback(name: number, old: readonly Item[]): void {
    const charges = new Set(old.map(({ charge }) => charge));
    const gone = sum(old);
    for (const lot of this.remove(name).lots) if (!charges.has(lot.charge)) give(this.lots, lot);
    this.adp += gone;
    this.unclaimed += gone;
    this.wasted += gone;
  }

  due(now: number): PlainDue | undefined {
    const late = this.tickets.find(({ since }) => since + DAY <= now);
    if (late !== undefined) {
      return { type: "society.rollback", ticket: late.ticket, lots: this.old(late.ticket, now) };
    }
    const lots = this.lots.filter(({ since }) => since + this.lotDays * DAY <= now);
    const withheld = this.withheld.filter(({ since }) => since + this.withheldDays * DAY <= now);
    if (lots.length + withheld.length === 0) return undefined;
    return {
      type: "society.expire",
      lots: lots.slice(0, 256),
      withheld: withheld.slice(0, 256),
    };
  }

  settle(due: PlainDue): void {
    if (due.type === "society.rollback") {
      this.rollback(due.ticket, due.lots);
      return;
    }
    const gone = sum(take(this.lots, sum(due.lots)));
    this.adp += gone;
    this.wasted += gone;
    this.unclaimed += gone + sum(take(this.withheld, sum(due.withheld)));
  }

  reconcile(measured: number): void {
    const { atp, reserved, eligible, withheld, unclaimed, deficit } = this.summary();
    const loss = atp + reserved + eligible + withheld + unclaimed - deficit - measured;
    this.loss += loss;
    if (loss < 0) {
      const cleared = Math.min(-loss, this.deficit);
      this.deficit -= cleared;
      this.unclaimed += -loss - cleared;
      return;
    }
    let open = this.drawUnclaimed(loss);
    open -= sum(take(this.withheld, open));
    open = this.drawEligible(open);
    const before = open;
    open -= sum(take(this.lots, open));
    for (const { lots } of this.tickets) open -= sum(take(lots, open));
    this.adp += before - open;
    this.wasted += before - open;
  }
}
