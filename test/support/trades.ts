/** Histories of three societies that trade and work for each other, drawn from a seed. */
import type { CborValue } from "@wattseal/base";
import { fileOf, proofOf } from "./forged-proofs.js";
import { History, snapshot } from "./histories.js";
import { documentOf, fieldsOf, KeyedLog, listOf, typeOf, WITNESS_KEY } from "./keyed-log.js";
import { Random } from "./random.js";

const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const proofFile = (log: KeyedLog, index: number) => fileOf(proofOf(log.entries, index));

/** Of entries of a type: index and body. */
function entriesOf(log: KeyedLog, type: string): { index: number; body: readonly CborValue[] }[] {
  return log.entries.flatMap((entry, index) =>
    typeOf(entry) === type ? [{ index, body: listOf(fieldsOf(entry)[3]) }] : [],
  );
}

class Market {
  readonly seller: History;
  readonly buyer: History;
  readonly witness: KeyedLog;
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = new Random(seed);
    const documents = ["seller", "buyer"].map((name) => documentOf("pack", name));
    this.witness = new KeyedLog(documentOf("society", "witness"));
    const logs = documents.map((document) => new KeyedLog(document));
    const all = [...logs, this.witness].map(({ lct }) => lct);
    const known = [[[this.witness.lct, ...WITNESS_KEY]], all] as const;
    this.seller = new History(seed, logs[0], known);
    this.buyer = new History(seed + 1, logs[1], known);
    const terms = ["wattseal-policy-2", this.witness.lct, 1, 3, 2, 1, "low", 7, 7, 0, 0, ...known];
    this.witness.signed("society.policy", terms);
  }

  /** A step that some rule does not allow then is left out. */
  try(log: KeyedLog, type: string, body: () => readonly CborValue[] | undefined): void {
    this.seller.ifTaken(() => {
      const made = body();
      if (made !== undefined) log.put(type, made);
    });
  }

  escrow(): void {
    const { log } = this.seller;
    const atp = log.fold.society.summary().atp;
    const rate = this.#random.of([10_000, 9_000, 1 + this.#random.below(10_000)]);
    const decideBy = log.now + this.#random.of([1, MINUTE, 5 * MINUTE]);
    const expires = decideBy + this.#random.of([1, MINUTE, HOUR, HOUR, 6 * HOUR]);
    const parties = [log.lct, log.entries.length, this.buyer.log.lct, this.witness.lct];
    const amount = 1 + this.#random.below(Math.max(1, atp));
    const price = [rate, this.#random.of([0, 0, 7]), decideBy, expires];
    this.try(log, "society.escrow", () => [...parties, amount, ...price]);
  }

  /** What a proof of an entry of another log lets a log do. */
  settle(): void {
    const { seller, buyer, witness } = this;
    for (const { index, body } of entriesOf(seller.log, "society.escrow").slice(-3)) {
      const word = this.#random.of(["commit", "commit", "abort"]);
      const steps = [
        () => this.try(witness, "society.offer", () => [body, proofFile(seller.log, index)]),
        () => this.try(witness, "society.decide", () => [word, body]),
      ];
      for (const step of steps) if (this.#random.below(4) > 0) step();
    }
    for (const { index, body } of entriesOf(witness, "society.decide").slice(-4)) {
      const [word, terms] = body;
      const told = () => [word!, terms!, proofFile(witness, index)];
      for (const { log } of [seller, buyer]) {
        if (this.#random.below(3) > 0) this.try(log, "society.trade", told);
      }
    }
  }

  /** The seller's tickets are work for the buyer. */
  work(): void {
    const { seller, buyer } = this;
    const [ticket] = seller.log.fold.society.tickets();
    if (ticket !== undefined) {
      const amount = 1 + this.#random.below(Math.max(1, ticket.held));
      const expires = seller.log.now + this.#random.of([1, HOUR, HOUR, DAY]);
      const body = [ticket.ticket, buyer.log.lct, amount, expires, 9_000, []];
      this.try(seller.log, "society.report", () => body);
    }
    for (const { index, body } of entriesOf(seller.log, "society.report").slice(-2)) {
      const [, , amount, expires] = body;
      const told = () => [seller.log.lct, index, amount!, expires!, proofFile(seller.log, index)];
      this.try(buyer.log, "society.record", told);
    }
  }

  minute(): void {
    const pair = [this.seller, this.buyer];
    if (this.#random.below(8) === 0) for (const each of pair) each.ifTaken(() => each.later());
    const now = Math.max(...pair.map(({ log }) => log.now));
    for (const each of pair) {
      each.log.now = now;
      each.minute();
      if (this.#random.below(4) === 0) each.ifTaken(() => each.event());
      if (this.#random.below(2) === 0) each.ifTaken(() => each.work());
    }
    this.witness.now = Math.max(this.witness.now, ...pair.map(({ log }) => log.now));
    if (this.#random.below(10) === 0) {
      this.witness.end();
      this.witness.begin();
    }
    for (const each of pair) each.due();
    this.escrow();
    this.settle();
    this.work();
  }
}

/** The logs of seller, buyer and witness after so many minutes; of every third seed they end in a snapshot. */
export function marketOf(seed: number, minutes: number): readonly KeyedLog[] {
  const market = new Market(seed);
  for (let i = 0; i < minutes; i += 1) market.minute();
  const logs = [market.seller.log, market.buyer.log, market.witness];
  if (seed % 3 === 0) for (const log of logs) snapshot(log);
  return logs;
}
