import { milliwattHours } from "@wattseal/base";
import fc from "fast-check";
import { expect, it } from "vitest";
import { DAY, MINUTE, readyLog, type TestLog } from "../ledger.fixture.js";
import { MODULE, OTHER } from "../samples.fixture.js";

const mwh = milliwattHours;
const flow = fc.record({ amount: fc.nat(5_000), back: fc.boolean(), lost: fc.nat(50) });

/** What the society does whenever it may, of whatever the modules' energy has made. */
function useAll(log: TestLog): void {
  log.expire();
  const charge = log.fold.society.chargeFor(log.time, "roof");
  if (charge !== undefined) log.add("society.charge", charge);
  const { withheld, adp } = log.summary;
  if (Math.min(withheld, adp) > 0) log.certify(Math.min(withheld, adp));
  if (log.fold.society.reservable > 0) log.reserve(log.fold.society.reservable);
}

it("makes no token of energy that circulates between modules, whatever the society does", () => {
  fc.assert(
    fc.property(fc.array(flow, { minLength: 5, maxLength: 60 }), fc.nat(9_000), (flows, stock) => {
      const log = readyLog(["software"]);
      log.add("energy.reconcile", { kind: "opening", stock: mwh(stock), basis: "" });
      for (const { amount, back, lost } of flows) {
        log.now += MINUTE;
        const [from, to] = back ? [MODULE, OTHER] : [OTHER, MODULE];
        const records = [
          () => log.interval(0, amount, {}, from),
          () => log.interval(Math.max(0, amount - lost), 0, {}, to),
        ];
        for (const record of back ? records : records.reverse()) record();
        log.window();
        useAll(log);
        expect(log.summary).toMatchObject({ atp: 0, reserved: 0, withheld: 0, eligible: 0 });
        expect(log.summary.adp).toBe(1_000_000);
      }
    }),
  );
});

it("makes no token of withheld energy by charging again, however long it goes round", () => {
  const log = readyLog(["software"]);
  log.minute(1_000, 0);
  log.charge(1_000, 6_000);
  expect(log.summary).toMatchObject({ atp: 600, withheld: 400, eligible: 0 });
  for (let week = 0; week < 5; week += 1) {
    expect(log.fold.society.chargeFor(log.time, "roof")).toBeUndefined();
    log.now += 7 * DAY;
    log.source();
    log.expire();
    expect(log.summary).toMatchObject({ atp: 0, withheld: 0, eligible: 0, unclaimed: 1_000 });
  }
});
