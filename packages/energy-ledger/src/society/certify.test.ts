import { describe, expect, it } from "vitest";
import { DAY, MINUTE, readyLog, refused, START, TestLog } from "../ledger.fixture.js";

describe("certifying", () => {
  it("turns the oldest withheld into lots with the dates of their charges", () => {
    const log = readyLog(["attested"], { tier: "low" });
    log.minute(1_000, 0);
    const first = log.charge(500, 6_000);
    log.now += MINUTE;
    const second = log.charge(500, 6_000);
    // two lots of 300, and 200 withheld of each
    log.now += MINUTE;
    refused(log, "certify", () => log.certify(401));
    log.certify(250);
    expect(log.summary).toMatchObject({ atp: 850, withheld: 150, adp: 999_150, eligible: 0 });
    log.now = START + 2 * MINUTE + 7 * DAY;
    expect(log.fold.society.dueExpiries(log.time)).toEqual({
      lots: [
        { charge: first, since: START + MINUTE, amount: 500 },
        { charge: second, since: START + 2 * MINUTE, amount: 350 },
      ],
      withheld: [{ charge: second, since: START + 2 * MINUTE, amount: 150 }],
    });
  });

  it("puts what it certifies before younger lots", () => {
    const log = readyLog(["attested", "software"], { tier: "high" });
    log.minute(1_000, 0);
    log.begin();
    log.charge(100, 6_000);
    log.now += MINUTE;
    log.minute(0, 60);
    const young = log.charge(10, 6_000);
    log.certify(40);
    log.minute(0, 40);
    log.now += 7 * DAY;
    expect(log.fold.society.dueExpiries(log.time)?.lots).toMatchObject([
      { charge: young, amount: 6 },
    ]);
  });

  it("takes no more tokens than ADP has", () => {
    const log = new TestLog();
    log.policy({ tier: "low" });
    log.source();
    log.mint(70);
    log.minute(100, 0);
    log.charge(100, 6_000);
    refused(log, "certify", () => log.certify(11));
    log.certify(10);
    expect(log.summary).toMatchObject({ atp: 70, adp: 0, withheld: 30 });
  });

  it("is not for an unattested epoch to do, nor of anything past its date", () => {
    const log = readyLog(["attested", "unattested", "attested"]);
    log.minute(100, 0);
    log.begin();
    log.charge(100, 0);
    refused(log, "certify", () => log.certify(1));
    log.begin();
    log.certify(1);
    log.now += 7 * DAY;
    refused(log, "expire", () => log.certify(1));
    log.expire();
    refused(log, "certify", () => log.certify(1));
    expect(log.summary).toMatchObject({ atp: 0, withheld: 0, unclaimed: 100, wasted: 1 });
  });

  it("is for an unmeasured epoch to do: a TPM vouches for its key", () => {
    const log = readyLog(["unmeasured"]);
    log.minute(1_000, 0);
    log.charge(1_000, 9_000);
    log.certify(100);
    expect(log.summary).toMatchObject({ atp: 1_000, withheld: 0 });
  });

  it("makes a lot of the charge's age even where lots live shorter than what is withheld", () => {
    const log = readyLog(["software"], { withheldDays: 30 });
    log.minute(100, 0);
    log.charge(100, 6_000);
    log.now += 10 * DAY;
    log.expire();
    log.certify(40);
    expect(log.summary).toMatchObject({ atp: 40, withheld: 0, wasted: 60 });
    refused(log, "expire", () => log.window());
    log.expire();
    expect(log.summary).toMatchObject({ atp: 0, wasted: 100, unclaimed: 100 });
  });
});
