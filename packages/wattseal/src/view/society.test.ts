import { expect, it } from "vitest";
import { ACCOUNTS, WORKER } from "../control/control.fixture.js";
import { renderSociety } from "./society.js";

const suspect = (interval: number) => ({ interval, inMwh: 1500, until: Date.UTC(2026, 0, 2) });

it("the society is shown with what is open, and what an operator should look at", () => {
  const ticket = {
    ticket: 57,
    worker: WORKER,
    deadline: Date.UTC(2026, 0, 1),
    heldMwh: 400_000,
    usedMwh: 100,
  };
  const shown = renderSociety({
    accounts: { ...ACCOUNTS, supply: 2_000_000 },
    reservableMwh: 123_000,
    tickets: [ticket],
    trades: [
      {
        ticket: 58,
        trade: "ab",
        buyer: WORKER,
        witness: WORKER,
        amountMwh: 2_000,
        decideBy: Date.UTC(2026, 0, 1),
        expires: Date.UTC(2026, 0, 8),
      },
    ],
    suspects: { count: 12, oldest: Array.from({ length: 12 }, (_, i) => suspect(i)) },
    waste: { alerts: 2, last: { entry: 99, time: 0, mwh: 150_000 } },
  }).join("\n");
  expect(shown).toMatch(/^tokens +supply 2,000\.0 Wh = ATP/);
  expect(shown).toContain("57  holds 400.0 Wh, 0.1 Wh used   until 2026-01-01 00:00:00 UTC");
  expect(shown).toContain(`58  2.0 Wh for ${WORKER}   decided by 2026-01-01 00:00:00, or lapses`);
  expect(shown).toContain("reservable  123.0 Wh");
  expect(shown.match(/in 1\.5 Wh {3}until 2026-01-02/g)).toHaveLength(10);
  expect(shown).toContain("--json lists up to 100");
  expect(shown).toContain("2 alerts since the start; the last of 150.0 Wh in entry 99");
});
