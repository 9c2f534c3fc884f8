import { millis, milliwattHours } from "@wattseal/base";
import { beforeEach, describe, expect, it } from "vitest";
import type { TradeTerms } from "../entries/trade.js";
import { DAY, MINUTE } from "../ledger.fixture.js";
import { TRADE_STEPS, type TradeEvent, type TradeState } from "./decisions.js";
import { nameOf, proofOf, Society, WITNESS, World } from "./world.fixture.js";

const SELLER = nameOf("pack", "s");
const BUYER = nameOf("pack", "b");

let world: World;
let seller: Society;
let witness: Society;
let terms: TradeTerms;

beforeEach(() => {
  world = new World();
  seller = new Society(world, SELLER);
  witness = new Society(world, WITNESS);
  seller.policy([BUYER]);
  seller.mint(10_000);
  seller.source();
  witness.policy([]);
  world.now += DAY;
  seller.charge(1_000);
  terms = seller.escrow(500, { buyer: BUYER });
});

const offer = () => ({ terms, proof: proofOf(seller, terms.ticket) });
const later = () => {
  world.now = terms.decideBy + 1;
};
const events: Record<TradeEvent, () => void> = {
  offer: () => {
    witness.add("society.offer", offer());
  },
  commit: () => {
    witness.add("society.decide", { decision: "commit", terms });
  },
  abort: () => {
    witness.add("society.decide", { decision: "abort", terms });
  },
  late: () => {
    later();
    witness.add("society.decide", { decision: "commit", terms });
  },
};
const ways: Record<TradeState, () => void> = {
  unknown: () => undefined,
  offered: events.offer,
  committed: () => {
    events.offer();
    events.commit();
  },
  aborted: events.abort,
};
const STATES = Object.keys(ways) as TradeState[];
const EVENTS = Object.keys(events) as TradeEvent[];
const allowed = ["unknown offer", "unknown abort", "offered commit", "offered abort"];

describe("a witness's log", () => {
  it.each(STATES.flatMap((state) => EVENTS.map((event) => [state, event] as const)))(
    "in state %s takes %s or refuses it, as the table says",
    (state, event) => {
      ways[state]();
      expect(witness.fold.trades.witness.stateOf(terms)).toBe(state);
      const step = TRADE_STEPS[state][event];
      expect("to" in step).toBe(allowed.includes(`${state} ${event}`));
      if ("to" in step) {
        events[event]();
        witness.restart();
        expect(witness.fold.trades.witness.stateOf(terms)).toBe(step.to);
        return;
      }
      expect(events[event]).toThrow(expect.objectContaining({ code: "trade" }));
      expect(witness.fold.trades.witness.stateOf(terms)).toBe(state);
    },
  );

  it("can abort after the time to decide, and says nothing of energy past its date", () => {
    events.offer();
    later();
    expect(() => witness.add("society.offer", offer())).toThrow(/aborted/);
    world.now = terms.expires;
    expect(events.abort).toThrow(/past its date/);
    world.now -= 1;
    events.abort();
  });

  it("sees an escrow only by its proof", () => {
    const { proof } = offer();
    const other = { ...terms, amount: milliwattHours(499) };
    expect(witness.refuses("society.offer", { terms: other, proof })).toBe("foreign");
    const earlier = proofOf(seller, terms.ticket - 1);
    expect(witness.refuses("society.offer", { terms, proof: earlier })).toBe("foreign");
    const unseen = proofOf(seller, seller.size);
    expect(witness.refuses("society.offer", { terms, proof: unseen })).toBe("foreign");
    const elsewhere = { ...terms, witness: nameOf("society", "y") };
    expect(witness.refuses("society.offer", { terms: elsewhere, proof })).toBe("trade");
    witness.add("society.offer", { terms, proof });
  });

  it("gives everyone who asks the same answer", () => {
    const ask = (wish: "commit" | "abort", now = witness.time) =>
      witness.fold.trades.witness.decisionFor(terms, wish, now);
    expect(ask("commit")).toEqual({ nothing: "unknown" });
    events.offer();
    expect(ask("commit")).toEqual({ enter: { decision: "commit", terms } });
    expect(ask("abort")).toEqual({ enter: { decision: "abort", terms } });
    const late = millis(terms.decideBy + 1);
    expect(ask("commit", late)).toEqual({ enter: { decision: "abort", terms } });
    expect(ask("abort", terms.expires)).toEqual({ nothing: "offered" });
    events.commit();
    for (const wish of ["commit", "abort"] as const) {
      expect(ask(wish)).toEqual({ decided: "commit" });
      expect(ask(wish, late)).toEqual({ decided: "commit" });
    }
  });

  it("keeps trades of the same parties apart by their terms", () => {
    const forged = { ...terms, amount: milliwattHours(1) };
    witness.add("society.decide", { decision: "abort", terms: forged });
    events.offer();
    events.commit();
    expect(world.now).toBeLessThan(terms.decideBy - MINUTE);
  });
});
