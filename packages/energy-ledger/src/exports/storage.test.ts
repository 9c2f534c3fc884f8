import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DAY, MINUTE, readyLog, type TestLog } from "../ledger.fixture.js";
import { StorageRecords } from "./storage.js";
import { HEAD, recordsOf, step, walk } from "./storage-history.fixture.js";
import type { StorageRecord } from "./storage-record.js";

const brief = (records: readonly StorageRecord[]) =>
  records.map((record) =>
    record.record === "allocation"
      ? [record.cause, record.charge, record.account, record.energyMwh]
      : [record.record, record.id, record.energyMwh],
  );

/** A minute of net charge, charged at once from the roof; returns the charge's id. */
function charged(log: TestLog, amount: number, bps = 10_000): number {
  log.minute(amount, 0);
  return log.charge(amount, bps);
}

/** mWh of each charge that no allocation took. */
function leftOf(records: readonly StorageRecord[]): Map<number, number> {
  const left = new Map<number, number>();
  for (const record of records) {
    if (record.record === "charge") left.set(record.id, record.energyMwh);
    if (record.record !== "allocation" || record.cause === "certification") continue;
    left.set(record.charge, left.get(record.charge)! - record.energyMwh);
  }
  return left;
}

function expectConserved(records: readonly StorageRecord[], log: TestLog): void {
  const left = leftOf(records);
  for (const [charge, amount] of left) {
    expect(amount, `charge ${charge}`).toBeGreaterThanOrEqual(0);
  }
  const { atp, reserved, withheld } = log.summary;
  const total = [...left.values()].reduce((sum, amount) => sum + amount, 0);
  expect(total).toBe(atp + reserved + withheld);
}

function expectCovered(record: StorageRecord): void {
  if (record.record !== "discharge" && record.record !== "loss") return;
  const { reservedMwh, lotsMwh, withheldMwh, unclaimedMwh, eligibleMwh, deficitMwh } = record;
  const claimed = reservedMwh + lotsMwh + withheldMwh;
  expect(claimed + unclaimedMwh + eligibleMwh + deficitMwh).toBe(record.energyMwh);
}

describe("storage records", () => {
  it("take each discharge from the oldest charge on", () => {
    const log = readyLog();
    const [a, b] = [charged(log, 100), charged(log, 50)];
    log.minute(0, 30);
    const first = log.fold.size - 1;
    log.minute(5, 110);
    const second = log.fold.size - 1;
    expect(brief(recordsOf(log))).toEqual([
      ["charge", a, 100],
      ["charge", b, 50],
      ["discharge", first, 30],
      ["discharge", a, "lot", 30],
      ["discharge", second, 105],
      ["discharge", a, "lot", 70],
      ["discharge", b, "lot", 35],
    ]);
  });

  it("name source, period and the entries that back each", () => {
    const log = readyLog();
    const from = log.now;
    log.minute(100, 0);
    const index = log.charge(100, 10_000);
    log.minute(0, 40);
    const use = log.fold.size - 1;
    const [charge, discharge, allocation] = recordsOf(log);
    expect(charge).toMatchObject({
      record: "charge",
      from: new Date(from).toISOString(),
      to: new Date(from + MINUTE).toISOString(),
      sources: [{ source: "roof", mwh: 100 }],
      proof: { ...HEAD, first: index - 2, last: index },
    });
    expect(discharge).toMatchObject({ lotsMwh: 40, proof: { first: use - 1, last: use } });
    expect(allocation).toMatchObject({ charge: index, proof: { first: index, last: use } });
  });

  it("begin a charge's period after the last one that used up what was measured", () => {
    const log = readyLog();
    charged(log, 100);
    const from = log.now;
    log.minute(30, 0);
    log.minute(20, 0);
    log.charge(10, 10_000);
    const left = log.charge(40, 10_000);
    const charges = recordsOf(log).filter(({ record }) => record === "charge");
    const period = { from: new Date(from).toISOString(), to: new Date(log.now).toISOString() };
    expect(charges.slice(1)).toMatchObject([period, { ...period, id: left }]);
  });

  it("say what no charge stands behind, and what the book did not know of", () => {
    const log = readyLog();
    log.add("energy.reconcile", { kind: "opening", stock: 10 as never, basis: "" });
    charged(log, 100, 10_000);
    log.minute(20, 0);
    log.minute(0, 140);
    expect(recordsOf(log).find(({ record }) => record === "discharge")).toMatchObject({
      energyMwh: 140,
      lotsMwh: 100,
      unclaimedMwh: 10,
      eligibleMwh: 20,
      deficitMwh: 10,
    });
  });

  it("take losses found by reconciling from the charges that are left", () => {
    const log = readyLog();
    const [a] = [charged(log, 100), charged(log, 50)];
    const loss = log.add("energy.reconcile", { kind: "full", stock: 120 as never, basis: "" });
    const records = recordsOf(log);
    expect(brief(records.slice(2))).toEqual([
      ["loss", loss, 30],
      ["loss", a, "lot", 30],
    ]);
    const found = log.add("energy.reconcile", { kind: "full", stock: 125 as never, basis: "" });
    expect(recordsOf(log).at(-1)).toMatchObject({ id: found, energyMwh: -5, unclaimedMwh: -5 });
  });

  it("end a charge's name when it expires", () => {
    const log = readyLog(["software"]);
    const a = charged(log, 100, 6_000);
    log.now += 8 * DAY;
    log.expire();
    expect(brief(recordsOf(log, ["software"]).slice(1))).toEqual([
      ["expiry", log.fold.size - 1, 100],
      ["expiry", a, "lot", 60],
      ["expiry", a, "withheld", 40],
    ]);
  });

  it("follow lots through certifying, tickets, work and roll-back", () => {
    const log = readyLog(["software"]);
    const a = charged(log, 100, 6_000);
    const certified = log.certify(15);
    const ticket = log.reserve(50);
    log.minute(0, 20);
    const use = log.fold.size - 1;
    const work = log.commit(ticket, 10);
    const failed = log.reserve(30);
    log.fail(failed);
    log.minute(0, 45);
    expect(brief(recordsOf(log, ["software"]).slice(1))).toEqual([
      ["certification", certified, 15],
      ["certification", a, "withheld", 15],
      ["discharge", use, 20],
      ["discharge", a, "reserved", 20],
      ["work", work, 10],
      ["work", a, "reserved", 10],
      ["discharge", log.fold.size - 1, 45],
      ["discharge", a, "lot", 45],
    ]);
  });

  it("give away no charge twice, and account for every milliwatt-hour of it", () => {
    const causes = new Set<string>();
    fc.assert(
      fc.property(fc.array(step, { minLength: 30, maxLength: 60 }), (steps) => {
        const log = readyLog(["software"]);
        for (const each of steps) walk(log, each);
        const records = recordsOf(log, ["software"]);
        for (const record of records) expectCovered(record);
        expectConserved(records, log);
        for (const record of records) causes.add("cause" in record ? record.cause : record.record);
      }),
      { numRuns: 300, seed: 5 },
    );
    expect([...causes].sort()).toEqual(
      ["certification", "charge", "discharge", "expiry", "loss", "work"].sort(),
    );
  });

  it("refuse to go on when an entry moves lots that they do not know to move", () => {
    const log = readyLog();
    charged(log, 100);
    const records = new StorageRecords(HEAD);
    const after = log.summary;
    const before = { ...after, atp: 0 };
    const clock = { sync: "synchronised", source: "x", step: 0 } as const;
    const entry = { type: "ops.clock", timeMs: log.time, body: clock } as const;
    expect(() => records.take(9, entry, before, after)).toThrow(
      /entry 9 \(ops.clock\): moves lots/,
    );
    expect(() => records.take(9, entry, after, after)).toThrow(/but the society holds 100/);
  });
});
