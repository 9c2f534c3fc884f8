import { millis } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import { Dice } from "./dice.fixture.js";
import { RandomHistory } from "./random-history.fixture.js";

/** Together over a million operations. A run that fails names its seed: put it here, where it stays. */
const KEPT = [1, 2, 3, 4, 5];
const FRESH = Array.from({ length: 5 }, () => Math.floor(Math.random() * 2 ** 32));
const HISTORIES = 20;
const OPERATIONS = 6_000;

/** So many at least in each seed's histories: no rule is passed by. */
const LEAST = {
  "energy.window": 10_000,
  "society.charge": 5_000,
  "society.reserve": 2_000,
  "society.certify": 1_000,
  "society.commit": 1_000,
  "commit of what windows used": 100,
  "society.rollback": 1_000,
  "rollback with waste": 10,
  deadline: 200,
  "deadline with waste": 100,
  "expiry of lots": 300,
  "expiry of withheld": 200,
  "discharge of tickets and lots": 200,
  "energy.reconcile": 200,
  refused: 10_000,
};

describe("random histories of a society", () => {
  it.each([...KEPT, ...FRESH])(
    "keep both invariants and the rules after every entry, and replay to the same, from any state (seed %i)",
    (seed) => {
      const dice = new Dice(seed);
      const counts = new Map<string, number>();
      for (let run = 0; run < HISTORIES; run += 1) {
        const history = new RandomHistory(dice);
        const { both } = history;
        for (let i = 0; i < OPERATIONS; i += 1) history.step();
        const again = both.replay();
        expect(again.save()).toEqual(both.fold.save());
        expect(again.summary()).toEqual(both.fold.summary());
        expect(again.tickets()).toEqual(both.fold.tickets());
        expect(again.dueEntry(millis(both.now))).toEqual(both.fold.dueEntry(millis(both.now)));
        history.end();
        expect(both.fold.summary()).toMatchObject({ atp: 0, reserved: 0, withheld: 0 });
        for (const [what, count] of both.counts) counts.set(what, count + (counts.get(what) ?? 0));
      }
      for (const [what, least] of Object.entries(LEAST)) {
        expect(counts.get(what) ?? 0, what).toBeGreaterThan(least);
      }
    },
    120_000,
  );
});
