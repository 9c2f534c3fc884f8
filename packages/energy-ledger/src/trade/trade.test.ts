import { millis, milliwattHours } from "@wattseal/base";
import { beforeEach, describe, expect, it } from "vitest";
import type { TradeTerms } from "../entries/trade.js";
import { DAY, MINUTE } from "../ledger.fixture.js";
import { nameOf, proofOf, Society, unexplained, WITNESS, World } from "./world.fixture.js";

const mwh = milliwattHours;
const SELLER = nameOf("pack", "s");
const BUYER = nameOf("pack", "b");
const STRANGER = nameOf("pack", "x");

let world: World;
let seller: Society;
let buyer: Society;
let witness: Society;

/** A seller with a lot of 1,000 mWh, a buyer with tokens, their witness. */
beforeEach(() => {
  world = new World();
  seller = new Society(world, SELLER);
  buyer = new Society(world, BUYER);
  witness = new Society(world, WITNESS);
  for (const society of [seller, buyer]) {
    society.policy([SELLER, BUYER]);
    society.mint(10_000);
    society.source();
  }
  witness.policy([]);
  world.now += DAY;
  seller.charge(1_000);
});

function offered(amount: number, over: Partial<TradeTerms> = {}): TradeTerms {
  const terms = seller.escrow(amount, { buyer: BUYER, ...over });
  witness.add("society.offer", { terms, proof: proofOf(seller, terms.ticket) });
  return terms;
}

function decided(terms: TradeTerms, decision: "commit" | "abort" = "commit"): Uint8Array {
  const index = witness.add("society.decide", { decision, terms });
  witness.witness();
  return proofOf(witness, index);
}

const end = (terms: TradeTerms, proof: Uint8Array, outcome: "commit" | "abort" = "commit") =>
  ({ outcome, terms, proof }) as const;

describe("a trade", () => {
  it("moves energy and no token: rate and fee are lost on the way, and the date is kept", () => {
    const terms = offered(600, { rateBps: 9_001, fee: mwh(40) });
    expect(seller.summary).toMatchObject({ atp: 400, reserved: 600, claims: 0 });
    world.now += MINUTE;
    const proof = decided(terms);
    seller.add("society.trade", end(terms, proof));
    expect(seller.summary).toMatchObject({ atp: 400, reserved: 0, adp: 9_600, claims: -600 });
    buyer.add("society.trade", end(terms, proof));
    // ⌊600 × 0.9001⌋ − 40
    const got = { atp: 500, adp: 9_500, claims: 500, conversionLoss: 100, supply: 10_000 };
    expect(buyer.summary).toMatchObject(got);
    expect([seller, buyer].map(unexplained)).toEqual([0, 0]);
    world.now = terms.expires - 1;
    expect(buyer.fold.dueEntry(buyer.time)).toBeUndefined();
    world.now = terms.expires;
    const charged = { charge: buyer.size - 1, since: terms.expires - 7 * DAY, amount: 500 };
    expect(buyer.fold.dueEntry(buyer.time)?.body).toEqual({ lots: [charged], withheld: [] });
  });

  it("is delivered by what leaves the seller and reaches the buyer next, which is no charge", () => {
    const terms = offered(600);
    const proof = decided(terms);
    seller.add("society.trade", end(terms, proof));
    buyer.add("society.trade", end(terms, proof));
    seller.window(-500);
    buyer.window(500);
    expect(seller.summary).toMatchObject({ atp: 400, claims: -100, net: 500 });
    expect(buyer.summary).toMatchObject({ atp: 600, claims: 100, eligible: 0, net: 500 });
    seller.window(-250);
    buyer.window(250);
    expect(seller.summary).toMatchObject({ atp: 250, claims: 0 });
    expect(buyer.summary).toMatchObject({ atp: 600, claims: 0, eligible: 150 });
    seller.window(50);
    expect(seller.summary).toMatchObject({ eligible: 50, claims: 0 });
  });

  it("leaves what is measured of a pack alone: the energy of claims is elsewhere", () => {
    const terms = offered(600);
    const proof = decided(terms);
    seller.add("society.trade", end(terms, proof));
    buyer.add("society.trade", end(terms, proof));
    const full = { kind: "full", basis: "" } as const;
    seller.add("energy.reconcile", { ...full, stock: mwh(1_000) });
    buyer.add("energy.reconcile", { ...full, stock: mwh(0) });
    expect(seller.summary).toMatchObject({ recordedLoss: 0, atp: 400 });
    expect(buyer.summary).toMatchObject({ recordedLoss: 0, atp: 600 });
    // of the 1,000 only 100 are left: 400 of its own are gone, and 500 that it owes
    seller.add("energy.reconcile", { ...full, kind: "empty", stock: mwh(100) });
    expect(seller.summary).toMatchObject({ recordedLoss: 900, atp: 0, deficit: 500, claims: -600 });
  });

  it("that is aborted gives the lots back with their dates", () => {
    const terms = offered(600);
    const proof = decided(terms, "abort");
    expect(buyer.refuses("society.trade", end(terms, proof))).toBe("foreign");
    expect(buyer.refuses("society.trade", end(terms, proof, "abort"))).toBe("trade");
    seller.add("society.trade", end(terms, proof, "abort"));
    expect(seller.summary).toMatchObject({ atp: 1_000, reserved: 0, claims: 0 });
    world.now = terms.expires;
    const { lots } = seller.fold.dueExpiries(seller.time)!;
    expect(lots).toEqual([{ charge: 4, since: terms.expires - 7 * DAY, amount: 1_000 }]);
  });

  it("ends with its energy's last date, as a commit does, where no decision was heard of", () => {
    const terms = offered(600);
    const proof = decided(terms);
    world.now = terms.expires - 1;
    const lapse = { outcome: "lapse", terms, proof: undefined } as const;
    expect(seller.refuses("society.trade", lapse)).toBe("trade");
    world.now += 1;
    expect(buyer.refuses("society.trade", end(terms, proof))).toBe("trade");
    expect(seller.refuses("energy.window", windowOf(seller, 1))).toBe("expire");
    expect(seller.fold.dueEntry(seller.time)).toEqual({ type: "society.trade", body: lapse });
    seller.settle();
    expect(seller.summary).toMatchObject({ atp: 0, reserved: 0, claims: -600, unclaimed: 400 });
    expect(seller.refuses("society.trade", end(terms, proof))).toBe("trade");
  });

  it("does not lapse while the clock may be wrong", () => {
    const terms = offered(600);
    world.now = terms.expires;
    seller.context.synchronised = false;
    expect(seller.fold.dueEntry(seller.time)).toBeUndefined();
    const lapse = { outcome: "lapse", terms, proof: undefined } as const;
    expect(seller.refuses("society.trade", lapse)).toBe("trade");
  });

  it("is served when the seller has used what was kept for it, from what else it has, then by a deficit", () => {
    const terms = offered(600);
    seller.window(-700);
    expect(seller.summary).toMatchObject({ atp: 0, reserved: 300, deficit: 0 });
    seller.window(50);
    seller.add("society.trade", end(terms, decided(terms)));
    expect(seller.summary).toMatchObject({ reserved: 0, eligible: 0, deficit: 250, claims: -600 });
    expect(unexplained(seller)).toBe(0);
  });

  it("repays the buyer's deficit first; what its tokens do not cover is withheld until they do", () => {
    const drained = new Society(world, STRANGER);
    drained.policy([SELLER]);
    drained.mint(20);
    drained.window(-100);
    seller.policy([STRANGER]);
    const terms = offered(600, { buyer: STRANGER });
    drained.add("society.trade", end(terms, decided(terms)));
    const got = { deficit: 0, atp: 20, adp: 0, withheld: 480, claims: 600 };
    expect(drained.summary).toMatchObject(got);
  });

  it("gives a society under an unattested epoch nothing to spend", () => {
    buyer.context.epochState = "unattested";
    const terms = offered(600);
    buyer.add("society.trade", end(terms, decided(terms)));
    expect(buyer.summary).toMatchObject({ atp: 0, withheld: 600, claims: 600 });
  });
});

describe("an escrow", () => {
  const over: [string, () => Partial<TradeTerms>][] = [
    ["more than the lots have", () => ({ amount: mwh(1_001) })],
    ["that outlives its oldest lot", () => ({ expires: millis(seller.now + 7 * DAY + 1) })],
    ["of another seller", () => ({ seller: STRANGER })],
    ["under another entry's name", () => ({ ticket: seller.size + 1 })],
    ["to itself", () => ({ buyer: SELLER })],
    ["to the witness", () => ({ buyer: WITNESS })],
    ["to whom the policy does not name", () => ({ buyer: STRANGER })],
    ["before whom the policy does not name", () => ({ witness: STRANGER })],
    ["decided at once", () => ({ decideBy: millis(seller.now) })],
    ["decided after a day", () => ({ decideBy: millis(seller.now + DAY + 1) })],
    ["of which nothing arrives", () => ({ rateBps: 1_000, fee: mwh(60), amount: mwh(600) })],
  ];
  it.each(over)("%s is refused", (_, wrong) => {
    const order = { witness: WITNESS, amount: mwh(600), rateBps: 10_000, fee: mwh(0) };
    const decideBy = millis(seller.now + MINUTE);
    const terms = seller.fold.trades.escrowFor(seller.size, { ...order, decideBy, buyer: BUYER });
    expect(seller.refuses("society.escrow", { ...terms, ...wrong() })).toBe("trade");
    seller.add("society.escrow", terms);
  });

  it("is no work ticket, and its lots are used after all else", () => {
    const terms = offered(600);
    const commit = { ticket: terms.ticket, amount: mwh(1), quality: 1, proof: undefined };
    expect(seller.refuses("society.commit", commit)).toBe("ticket");
    const rollback = { ticket: terms.ticket, reason: "failure", lots: [] } as const;
    expect(seller.refuses("society.rollback", rollback)).toBe("ticket");
    world.now += 2 * DAY;
    expect(seller.fold.dueEntry(seller.time)).toBeUndefined();
    seller.window(100);
    seller.window(-500);
    expect(seller.summary).toMatchObject({ atp: 0, eligible: 0, reserved: 600, deficit: 0 });
    seller.window(-700);
    expect(seller.summary).toMatchObject({ reserved: 0, deficit: 100 });
  });

  it("is one of 256 at most", () => {
    for (let i = 0; i < 256; i += 1) seller.escrow(1, { buyer: BUYER });
    expect(() => seller.escrow(1, { buyer: BUYER })).toThrow(/257/);
  });
});

describe("the end of a trade", () => {
  it("counts once on each side", () => {
    const terms = offered(300);
    const proof = decided(terms);
    for (const side of [seller, buyer]) {
      side.add("society.trade", end(terms, proof));
      expect(side.refuses("society.trade", end(terms, proof))).toBe("trade");
      side.restart();
      expect(side.refuses("society.trade", end(terms, proof))).toBe("trade");
    }
  });

  it("needs the witness's own word on these terms", () => {
    const terms = offered(300);
    const other = offered(200);
    const proof = decided(terms);
    const escrow = proofOf(seller, terms.ticket);
    const unknown = proofOf(witness, witness.size - 1, "somebody.example");
    for (const side of [seller, buyer]) {
      const refuses = (wrong: TradeTerms, by: Uint8Array | undefined) =>
        side.refuses("society.trade", { outcome: "commit", terms: wrong, proof: by });
      expect(refuses(terms, undefined)).toBe("foreign");
      expect(refuses(terms, escrow)).toBe("foreign");
      expect(refuses(terms, unknown)).toBe("foreign");
      expect(refuses(terms, proofOf(witness, witness.size))).toBe("foreign");
      expect(refuses(other, proof)).toBe("foreign");
      side.add("society.trade", end(terms, proof));
    }
    const third = { ...terms, seller: STRANGER };
    expect(seller.refuses("society.trade", end(third, proof))).toBe("trade");
    expect(seller.refuses("society.trade", end({ ...other, amount: mwh(100) }, proof))).toBe(
      "trade",
    );
  });

  it("is believed by the seller under the witness that its escrow was opened under", () => {
    const terms = offered(300);
    const proof = decided(terms);
    seller.policy([], { witnesses: [] });
    buyer.policy([SELLER], { witnesses: [] });
    seller.add("society.trade", end(terms, proof));
    expect(buyer.refuses("society.trade", end(terms, proof))).toBe("trade");
    buyer.policy([]);
    expect(buyer.refuses("society.trade", end(terms, proof))).toBe("trade");
    buyer.policy([SELLER]);
    buyer.add("society.trade", end(terms, proof));
  });

  it("comes to a buyer only while it knows the time", () => {
    const terms = offered(300);
    const proof = decided(terms);
    buyer.context.synchronised = false;
    expect(buyer.refuses("society.trade", end(terms, proof))).toBe("trade");
    seller.context.synchronised = false;
    seller.add("society.trade", end(terms, proof));
  });

  it("is given by `tradeFor`, where something is left to do", () => {
    const terms = offered(300);
    const [aborted, kept] = [offered(100), decided(terms)];
    const abort = decided(aborted, "abort");
    const { trades } = seller.fold;
    expect(trades.tradeFor({ decision: "commit", terms }, kept)).toEqual(end(terms, kept));
    seller.add("society.trade", trades.tradeFor({ decision: "commit", terms }, kept)!);
    expect(trades.tradeFor({ decision: "commit", terms }, kept)).toBeUndefined();
    const back = { decision: "abort", terms: aborted } as const;
    expect(buyer.fold.trades.tradeFor(back, abort)).toBeUndefined();
    seller.add("society.trade", trades.tradeFor(back, abort)!);
    buyer.add("society.trade", buyer.fold.trades.tradeFor({ decision: "commit", terms }, kept)!);
    expect(buyer.fold.trades.tradeFor({ decision: "commit", terms }, kept)).toBeUndefined();
    expect(seller.summary).toMatchObject({ atp: 700, claims: -300 });
  });
});

function windowOf(society: Society, net: number) {
  const [t0, t1] = [millis(society.now - MINUTE), society.time];
  return { t0, t1, first: undefined, count: 0, net };
}
