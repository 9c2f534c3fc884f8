import { milliwattHours } from "@wattseal/base";
import { beforeEach, describe, expect, it } from "vitest";
import type { EntryBody } from "../entries/entry.js";
import type { TradeTerms } from "../entries/trade.js";
import { DAY, WORKER } from "../ledger.fixture.js";
import { nameOf, proofOf, Society, WITNESS, World } from "../trade/world.fixture.js";

const SELLER = nameOf("pack", "s");
const BUYER = nameOf("pack", "b");
const mwh = milliwattHours;

let world: World;
let seller: Society;
let buyer: Society;
let witness: Society;

beforeEach(() => {
  world = new World();
  seller = new Society(world, SELLER);
  buyer = new Society(world, BUYER);
  witness = new Society(world, WITNESS);
  witness.policy([]);
  for (const society of [seller, buyer]) {
    society.policy([SELLER, BUYER]);
    society.mint(10_000);
    society.source();
  }
  world.now += DAY;
});

function decide(terms: TradeTerms, decision: "commit" | "abort"): EntryBody<"society.trade"> {
  const offer = { terms, proof: proofOf(seller, terms.ticket) };
  if (decision === "commit") witness.add("society.offer", offer);
  const index = witness.add("society.decide", { decision, terms });
  witness.witness();
  return { outcome: decision, terms, proof: proofOf(witness, index) };
}

describe("storage records between societies", () => {
  it("say what departed from which charge, what arrived, and what delivered it", () => {
    seller.charge(300);
    const first = seller.size - 1;
    seller.charge(700);
    const terms = seller.escrow(600, { buyer: BUYER, rateBps: 9_000, fee: mwh(40) });
    const end = decide(terms, "commit");
    const sold = seller.add("society.trade", end);
    const bought = buyer.add("society.trade", end);
    seller.window(-700);
    buyer.window(500);
    buyer.window(-400);
    expect(seller.records.slice(2)).toMatchObject([
      {
        record: "departure",
        id: sold,
        by: "trade",
        society: BUYER,
        ticket: terms.ticket,
        energyMwh: 600,
        reservedMwh: 600,
        owedMwh: 0,
      },
      { record: "allocation", cause: "departure", charge: first, energyMwh: 300 },
      { record: "allocation", cause: "departure", charge: first + 2, energyMwh: 300 },
      { record: "discharge", energyMwh: 700, owedMwh: 600, lotsMwh: 100 },
      { record: "allocation", cause: "discharge", charge: first + 2, energyMwh: 100 },
    ]);
    expect(buyer.records).toMatchObject([
      {
        record: "arrival",
        id: bought,
        by: "trade",
        society: SELLER,
        entry: terms.ticket,
        energyMwh: 500,
        lotMwh: 500,
        withheldMwh: 0,
        lostMwh: 100,
      },
      { record: "delivery", energyMwh: 500 },
      { record: "discharge", energyMwh: 400, lotsMwh: 400, owedMwh: 0 },
      { record: "allocation", cause: "discharge", charge: bought, energyMwh: 400 },
    ]);
  });

  it("take a bought lot in the order of its date", () => {
    seller.charge(100);
    world.now += DAY;
    buyer.charge(100);
    const terms = seller.escrow(100, { buyer: BUYER });
    const bought = buyer.add("society.trade", decide(terms, "commit"));
    buyer.add("energy.reconcile", { kind: "empty", stock: mwh(50), basis: "" });
    expect(buyer.records.at(-1)).toMatchObject({ cause: "loss", charge: bought, energyMwh: 50 });
  });

  it("say nothing of an escrow that is aborted, and of one that lapses what of a commit", () => {
    seller.charge(100);
    const terms = seller.escrow(60, { buyer: BUYER });
    seller.add("society.trade", decide(terms, "abort"));
    const again = seller.escrow(60, { buyer: BUYER });
    expect(seller.records.map(({ record }) => record)).toEqual(["charge"]);
    world.now = again.expires;
    seller.settle();
    const departed = { record: "departure", by: "lapse", energyMwh: 60, reservedMwh: 60 };
    expect(seller.records).toContainEqual(expect.objectContaining(departed));
  });

  it("say what a citizen gave and its parent got", () => {
    seller.charge(500);
    const order = { amount: mwh(200), worker: WORKER, task: "pumping", order: undefined };
    const ticket = seller.add("society.reserve", order);
    const work = { ticket, parent: BUYER, quality: 10_000, proof: undefined, amount: mwh(150) };
    const report = seller.add("society.report", seller.fold.trades.reportFor(work));
    seller.witness();
    const proof = proofOf(seller, report);
    const shown = world.foreign(proof, [{ name: "witness.example" }]);
    buyer.add("society.record", buyer.fold.trades.recordFor(shown, proof)!);
    expect(seller.records.slice(1)).toMatchObject([
      { record: "departure", by: "report", ticket, energyMwh: 150, reservedMwh: 150, lotsMwh: 0 },
      { record: "allocation", cause: "departure", account: "reserved", ticket, energyMwh: 150 },
    ]);
    const arrived = { by: "record", society: SELLER, entry: report, energyMwh: 150, lostMwh: 0 };
    expect(buyer.records).toMatchObject([{ record: "arrival", ...arrived }]);
  });
});
