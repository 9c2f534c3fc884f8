import { millis, milliwattHours } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import { encodeAs } from "../codec/schema.js";
import { statusPayload } from "../entries/lifecycle.js";
import { mintPayload } from "../entries/society.js";
import { DAY, MINUTE, readyLog, refused, START, TestLog } from "../ledger.fixture.js";
import { OTHER, PACK } from "../samples.fixture.js";
import { PROOF_AGE } from "./sources.js";

const mwh = milliwattHours;

describe("a window's net energy", () => {
  it("that is positive becomes eligible", () => {
    const log = readyLog();
    log.minute(500, 200);
    expect(log.summary).toMatchObject({ eligible: 300, net: 300, deficit: 0, atp: 0 });
  });

  it("that is negative beyond all the book knows is a deficit, repaid first", () => {
    const log = readyLog();
    log.minute(0, 100);
    expect(log.summary).toMatchObject({ deficit: 100, eligible: 0, net: -100 });
    log.minute(60, 0);
    expect(log.summary).toMatchObject({ deficit: 40, eligible: 0 });
    log.minute(60, 0);
    expect(log.summary).toMatchObject({ deficit: 0, eligible: 20 });
  });

  it("draws lots, then unclaimed, withheld, eligible, deficit", () => {
    const log = readyLog(["attested"], { tier: "low" });
    log.add("energy.reconcile", { kind: "opening", stock: mwh(50), basis: "" });
    log.minute(200, 0);
    log.charge(100, 6_000);
    expect(log.summary).toMatchObject({ atp: 60, unclaimed: 50, withheld: 40, eligible: 100 });
    log.minute(0, 55);
    expect(log.summary).toMatchObject({ atp: 5, unclaimed: 50, withheld: 40, eligible: 100 });
    log.minute(0, 35);
    expect(log.summary).toMatchObject({ atp: 0, unclaimed: 20, withheld: 40, eligible: 100 });
    log.minute(0, 50);
    expect(log.summary).toMatchObject({ unclaimed: 0, withheld: 10, eligible: 100 });
    log.minute(0, 60);
    expect(log.summary).toMatchObject({ withheld: 0, eligible: 50, deficit: 0 });
    log.minute(0, 60);
    expect(log.summary).toMatchObject({ eligible: 0, deficit: 10, adp: 1_000_000, net: -60 });
  });

  it("makes no token of what circulates between modules", () => {
    const log = readyLog();
    for (let i = 0; i < 50; i += 1) {
      log.now += MINUTE;
      log.interval(i % 2 === 0 ? 900 : 0, i % 2 === 0 ? 0 : 900);
      log.interval(i % 2 === 0 ? 0 : 900, i % 2 === 0 ? 900 : 0, {}, OTHER);
      log.window();
      expect(log.fold.society.chargeFor(log.time, "roof")).toBeUndefined();
    }
    expect(log.summary).toMatchObject({ atp: 0, adp: 1_000_000, eligible: 0, deficit: 0 });
    expect(log.fold.totals).toMatchObject({ inMwh: 45_000, outMwh: 45_000 });
  });
});

describe("a charge", () => {
  it("becomes a lot by the tier, and the rest is withheld", () => {
    const log = readyLog(["attested"], { tier: "developing" });
    log.minute(1_001, 0);
    log.charge(1_001, 9_000);
    expect(log.summary).toMatchObject({ atp: 900, withheld: 101, eligible: 0, adp: 999_100 });
  });

  it("of a software epoch has the low tier, of an unattested one no lot", () => {
    const log = readyLog(["attested", "software", "unattested"]);
    log.minute(3_000, 0);
    log.charge(1_000, 10_000);
    log.begin();
    refused(log, "charge", () => log.charge(1_000, 10_000));
    log.charge(1_000, 6_000);
    log.begin();
    refused(log, "charge", () => log.charge(1_000, 6_000));
    log.charge(1_000, 0);
    expect(log.summary).toMatchObject({ atp: 1_600, withheld: 1_400, eligible: 0 });
  });

  it("of an unmeasured epoch has the developing tier at most", () => {
    for (const [tier, bps] of [
      ["high", 9_000],
      ["developing", 9_000],
      ["low", 6_000],
    ] as const) {
      const log = readyLog(["unmeasured"], { tier });
      log.minute(2_000, 0);
      refused(log, "charge", () => log.charge(1_000, 10_000));
      refused(log, "charge", () => log.charge(1_000, 0));
      expect(log.fold.society.chargeFor(log.time, "roof")).toMatchObject({ tierBps: bps });
      log.charge(1_000, bps);
      expect(log.summary).toMatchObject({ atp: bps / 10, withheld: 1_000 - bps / 10 });
    }
  });

  it("beyond what is eligible, or with a lot beyond ADP, is refused", () => {
    const log = new TestLog();
    log.policy();
    log.source();
    log.mint(100);
    log.minute(150, 0);
    refused(log, "charge", () => log.charge(151, 10_000));
    refused(log, "charge", () => log.charge(101, 10_000));
    expect(log.fold.society.chargeFor(log.time, "roof")).toMatchObject({ amount: 100 });
    log.charge(100, 10_000);
    expect(log.fold.society.chargeFor(log.time, "roof")).toBeUndefined();
  });

  it("needs a policy, and sources that add up", () => {
    const log = new TestLog();
    log.mint(100);
    log.source();
    log.minute(100, 0);
    refused(log, "charge", () => log.charge(10, 10_000));
    log.policy();
    const sources = [{ source: "roof", amount: mwh(9) }];
    refused(log, "charge", () =>
      log.add("society.charge", { amount: mwh(10), sources, tierBps: 10_000 }),
    );
    const part = { source: "roof", amount: mwh(5) };
    refused(log, "source", () =>
      log.add("society.charge", { amount: mwh(10), sources: [part, part], tierBps: 10_000 }),
    );
  });

  it("is exact where amount × tier exceeds 2^53", () => {
    const log = new TestLog();
    log.policy({ tier: "developing", developingBps: 9_999 });
    const amount = 2 ** 47 + 12_345;
    log.mint(2 ** 48 - 1);
    log.source({ provenAt: millis(START - 20 * DAY), ratedWatts: 2 ** 31 - 1 });
    const body = { ...log.fold.nextWindow(millis(log.now + 1)), net: amount };
    log.fold.society.apply(log.fold.size, { type: "energy.window", timeMs: body.t1, body });
    log.charge(amount, 9_999);
    expect(log.summary.atp).toBe(Number((BigInt(amount) * 9_999n) / 10_000n));
  });
});

describe("a source", () => {
  it("covers rated power × time since its proof, cumulatively", () => {
    const log = new TestLog();
    log.policy();
    log.mint(1_000_000);
    log.source({ ratedWatts: 60, provenAt: millis(START) });
    log.minute(5_000, 0); // 60 W for a minute are 1,000 mWh
    refused(log, "source", () => log.charge(1_001, 10_000));
    log.charge(600, 10_000);
    refused(log, "source", () => log.charge(401, 10_000));
    log.charge(400, 10_000);
    log.minute(0, 0);
    expect(log.fold.society.chargeFor(log.time, "roof")).toMatchObject({ amount: 1_000 });
  });

  it("is out of date by its kind's age, and counts again from a newer proof without gaining time twice", () => {
    const log = new TestLog();
    log.policy();
    log.mint(1_000_000);
    const provenAt = millis(START);
    log.source({ kind: "battery", ratedWatts: 1, provenAt });
    log.now += PROOF_AGE.battery;
    log.minute(50_000, 0);
    refused(log, "source", () => log.charge(1, 10_000));
    refused(log, "source", () => log.source({ kind: "battery", provenAt }));
    refused(log, "source", () => log.source({ kind: "battery", provenAt: millis(log.now + 1) }));
    log.source({ kind: "battery", ratedWatts: 1, provenAt: log.time });
    expect(log.fold.society.chargeFor(log.time, "roof")).toMatchObject({ amount: 1_000 });
  });

  it("of compute or labour needs a meter; declared ones the policy's cap", () => {
    const log = new TestLog();
    log.policy();
    log.mint(1_000);
    refused(log, "source", () => log.source({ source: "rack", kind: "compute" }));
    log.source({ source: "rack", kind: "compute", meter: PACK });
    log.source({ source: "hand", kind: "declared" });
    log.minute(100, 0);
    refused(log, "source", () => log.charge(1, 10_000, "hand"));
    log.policy({ declaredCap: mwh(30) });
    log.charge(20, 10_000, "hand");
    refused(log, "source", () => log.charge(11, 10_000, "hand"));
    refused(log, "source", () => log.charge(1, 10_000, "unknown"));
    log.charge(10, 10_000, "hand");
  });
});

describe("expiry", () => {
  it("takes lots and withheld amounts on their seventh day, once, and not before", () => {
    const log = readyLog(["attested"], { tier: "low" });
    log.minute(1_000, 0);
    const first = log.charge(500, 6_000);
    const since = log.time;
    log.now += 1;
    const second = log.charge(500, 6_000);
    log.now = since + 7 * DAY - 1;
    expect(log.fold.society.dueExpiries(log.time)).toBeUndefined();
    log.now += 1;
    const due = {
      lots: [{ charge: first, since, amount: 300 }],
      withheld: [{ charge: first, since, amount: 200 }],
    };
    expect(log.fold.society.dueExpiries(log.time)).toEqual(due);
    refused(log, "expire", () => log.window());
    expect(log.expire()).toBe(1);
    expect(log.summary).toMatchObject({ atp: 300, withheld: 200, unclaimed: 500, wasted: 300 });
    refused(log, "expire", () => log.add("society.expire", { lots: [], withheld: [] }));
    log.now += 1;
    expect(log.fold.society.dueExpiries(log.time)?.lots).toMatchObject([{ charge: second }]);
    log.expire();
    expect(log.summary).toMatchObject({ atp: 0, withheld: 0, unclaimed: 1_000, adp: 1_000_000 });
  });

  it("has to name exactly what is due", () => {
    const log = readyLog();
    log.minute(1_000, 0);
    log.charge(500, 10_000);
    log.now += 7 * DAY;
    const due = log.fold.society.dueExpiries(log.time)!;
    const [lot] = due.lots;
    refused(log, "expire", () =>
      log.add("society.expire", { ...due, lots: [{ ...lot!, amount: mwh(499) }] }),
    );
    refused(log, "expire", () => log.add("society.expire", { ...due, lots: [] }));
  });

  it("waits for a synchronised clock", () => {
    const log = readyLog();
    log.minute(1_000, 0);
    log.charge(500, 10_000);
    log.clock("unsynchronised");
    log.now += 8 * DAY;
    expect(log.expire()).toBe(0);
    log.minute(0, 100);
    expect(log.summary.atp).toBe(400);
    log.clock("synchronised");
    log.now += 1;
    refused(log, "expire", () => log.window());
    log.expire();
    expect(log.summary).toMatchObject({ atp: 0, wasted: 400 });
  });

  it("comes in several entries when much is due", () => {
    const log = readyLog();
    for (let i = 0; i < 300; i += 1) {
      log.minute(10, 0);
      log.charge(10, 10_000);
    }
    log.now += 8 * DAY;
    expect(log.expire()).toBe(2);
    expect(log.summary).toMatchObject({ atp: 0, unclaimed: 3_000, wasted: 3_000 });
  });

  it("alerts above the policy's waste", () => {
    const log = readyLog(["attested"], { wasteAlert: mwh(499) });
    log.minute(1_000, 0);
    log.charge(499, 10_000);
    log.now += 1;
    log.charge(500, 10_000);
    log.now += 7 * DAY - 1;
    expect(log.fold.society.alerts(log.fold.society.dueExpiries(log.time)!)).toBe(false);
    log.expire();
    log.now += 1;
    expect(log.fold.society.alerts(log.fold.society.dueExpiries(log.time)!)).toBe(true);
  });
});

describe("reconciling", () => {
  const measure = (log: TestLog, kind: "opening" | "full" | "empty", stock: number) =>
    log.add("energy.reconcile", { kind, stock: mwh(stock), basis: "" });

  it("opens once, before any window and any other reconcile", () => {
    const log = readyLog();
    measure(log, "opening", 700);
    expect(log.summary).toMatchObject({ unclaimed: 700, opening: 700 });
    refused(log, "reconcile", () => measure(log, "opening", 1));
    const late = readyLog();
    late.minute(0, 0);
    refused(late, "reconcile", () => measure(late, "opening", 1));
    for (const kind of ["full", "empty"] as const) {
      const measured = readyLog();
      measure(measured, kind, 5);
      refused(measured, "reconcile", () => measure(measured, "opening", 5));
    }
  });

  it("writes off in the design's order what the book has too much", () => {
    const log = readyLog(["attested"], { tier: "low" });
    measure(log, "opening", 100);
    log.minute(200, 0);
    log.charge(100, 6_000);
    // unclaimed 100, withheld 40, eligible 100, available 60
    measure(log, "full", 290);
    expect(log.summary).toMatchObject({ unclaimed: 90, recordedLoss: 10 });
    measure(log, "full", 180);
    expect(log.summary).toMatchObject({ unclaimed: 0, withheld: 20, eligible: 100 });
    measure(log, "full", 100);
    expect(log.summary).toMatchObject({ withheld: 0, eligible: 40, atp: 60 });
    measure(log, "empty", 10);
    expect(log.summary).toMatchObject({ eligible: 0, atp: 10, adp: 999_990, wasted: 50 });
    expect(log.summary.recordedLoss).toBe(290);
  });

  it("clears a deficit first where the book has too little", () => {
    const log = readyLog();
    log.minute(0, 30);
    measure(log, "empty", 20);
    expect(log.summary).toMatchObject({ deficit: 0, unclaimed: 20, recordedLoss: -50 });
  });
});

describe("an authority's entries", () => {
  const mint = (serial: number, society = PACK) =>
    encodeAs(mintPayload, { purpose: "wattseal-mint-1", society, amount: mwh(5), serial });

  it("count only for this society, signed, and once", () => {
    const log = new TestLog();
    log.add("society.mint", { sign1: mint(3) });
    refused(log, "mint", () => log.add("society.mint", { sign1: mint(3) }));
    refused(log, "mint", () => log.add("society.mint", { sign1: mint(2) }));
    const elsewhere = PACK.replace("aaa", "bbb") as typeof PACK;
    refused(log, "authority", () => log.add("society.mint", { sign1: mint(4, elsewhere) }));
    refused(log, "authority", () => log.add("society.mint", { sign1: Uint8Array.of(0xff) }));
    refused(log, "authority", () => log.add("society.policy", { sign1: mint(4) }));
    expect(log.summary.supply).toBe(5);
  });

  it("need rising versions of a policy whose tiers fall", () => {
    const log = new TestLog();
    log.policy({ version: 7 });
    refused(log, "policy", () => log.policy({ version: 7 }));
    refused(log, "policy", () => log.policy({ version: 8, lowBps: 9_500 }));
  });

  it("end with the society", () => {
    const log = readyLog();
    log.minute(100, 0);
    const payload = {
      purpose: "wattseal-status-1",
      lct: PACK,
      since: log.time,
      reason: "",
    } as const;
    log.add("lct.status", { sign1: encodeAs(statusPayload, { ...payload, state: "active" }) });
    log.add("lct.status", { sign1: encodeAs(statusPayload, { ...payload, state: "slashed" }) });
    refused(log, "closed", () => log.charge(1, 10_000));
    refused(log, "closed", () => log.mint(1));
    expect(log.fold.society.chargeFor(log.time, "roof")).toBeUndefined();
    log.minute(0, 10);
  });
});
