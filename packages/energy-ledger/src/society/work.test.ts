import { milliwattHours } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import { DAY, MINUTE, readyLog, refused, START, type TestLog, WORKER } from "../ledger.fixture.js";
import { MOST_TICKETS } from "./tickets.js";

const mwh = milliwattHours;

/** Lots of these amounts, a minute apart. */
function withLots(...amounts: readonly number[]): { log: TestLog; charges: readonly number[] } {
  const log = readyLog();
  const charges = amounts.map((amount) => {
    log.minute(amount, 0);
    return log.charge(amount, 10_000);
  });
  return { log, charges };
}

describe("a reservation", () => {
  it("takes the oldest lots, and no more than there are", () => {
    const { log } = withLots(100, 200);
    refused(log, "ticket", () => log.reserve(301));
    const ticket = log.reserve(150);
    expect(log.summary).toMatchObject({ atp: 150, reserved: 150, adp: 999_700 });
    const deadline = log.now + DAY;
    expect(log.fold.society.tickets()).toEqual([
      { ticket, worker: WORKER, deadline, held: 150, used: 0 },
    ]);
    refused(log, "ticket", () => log.reserve(151));
    refused(log, "charge", () => log.charge(1, 10_000));
  });

  it("takes at most as many lots as its rollback can name", () => {
    const { log } = withLots(...Array<number>(300).fill(1));
    expect(log.fold.society.reservable).toBe(256);
    refused(log, "ticket", () => log.reserve(257));
    log.reserve(256);
    log.reserve(44);
    log.now += 8 * DAY;
    expect(log.expire()).toBe(2);
    expect(log.summary).toMatchObject({ atp: 0, reserved: 0, wasted: 300 });
  });

  it("is refused while as many are open as may be", () => {
    const { log } = withLots(2_000);
    for (let i = 0; i < MOST_TICKETS; i += 1) log.reserve(1);
    refused(log, "ticket", () => log.reserve(1));
    log.fail(log.fold.society.tickets()[500]!.ticket);
    log.reserve(1);
  });
});

describe("a commit", () => {
  it("spends the ticket's oldest, and returns the rest to its lots with their dates", () => {
    const { log, charges } = withLots(100, 200, 50);
    const ticket = log.reserve(250);
    refused(log, "ticket", () => log.commit(ticket, 251));
    log.commit(ticket, 130);
    expect(log.summary).toMatchObject({ atp: 220, reserved: 0, unclaimed: 130, adp: 999_780 });
    refused(log, "ticket", () => log.commit(ticket, 1));
    log.now = START + 2 * MINUTE + 7 * DAY;
    // 30 mWh of the second lot were spent: what is left is in one piece, between the first and third in age
    expect(log.fold.society.dueExpiries(log.time)?.lots).toMatchObject([
      { charge: charges[1], since: START + 2 * MINUTE, amount: 170 },
    ]);
    log.expire();
    expect(log.summary).toMatchObject({ atp: 50, wasted: 170 });
  });

  it("of what windows have used says no amount, and earns the worker the same", () => {
    const { log } = withLots(100, 200);
    const [first, second] = [log.reserve(100), log.reserve(100)];
    const commit = { quality: 8_000, proof: undefined };
    refused(log, "ticket", () => log.commit(first));
    log.minute(0, 160);
    expect(log.summary).toMatchObject({ reserved: 40, atp: 100, unclaimed: 0, adp: 999_860 });
    expect(log.fold.society.tickets()).toMatchObject([
      { held: 0, used: 100 },
      { held: 40, used: 60 },
    ]);
    refused(log, "ticket", () => log.commit(first, 1));
    expect(log.fold.society.rewardOf({ ...commit, ticket: first, amount: undefined })).toEqual({
      worker: WORKER,
      reputation: 80,
    });
    log.commit(first);
    expect(
      log.fold.society.rewardOf({ ...commit, ticket: second, amount: mwh(21) }).reputation,
    ).toBe(64);
    log.commit(second, 21);
    expect(log.summary).toMatchObject({ reserved: 0, atp: 119, unclaimed: 21, adp: 999_881 });
  });

  it("is refused of what is no open ticket", () => {
    const { log, charges } = withLots(100);
    refused(log, "ticket", () => log.commit(charges[0]!, 1));
    refused(log, "ticket", () => log.fail(charges[0]!));
    expect(() =>
      log.fold.society.rewardOf({ ticket: 1, amount: mwh(1), quality: 1, proof: undefined }),
    ).toThrow(expect.objectContaining({ code: "ticket" }));
  });
});

describe("a rollback", () => {
  it("on failure returns all to its lots, before its deadline", () => {
    const { log } = withLots(100, 200);
    const ticket = log.reserve(250);
    log.minute(0, 30);
    log.fail(ticket);
    expect(log.summary).toMatchObject({ atp: 270, reserved: 0, unclaimed: 0, wasted: 0 });
    refused(log, "ticket", () => log.fail(ticket));
  });

  it("is due after 24 hours, in the tickets' order, before anything else touches lots", () => {
    const { log } = withLots(100, 200);
    log.minute(10, 0);
    const first = log.reserve(50);
    log.now += 1;
    const second = log.reserve(50);
    log.now += DAY - 2;
    const deadline = (ticket: number) => ({ ticket, reason: "deadline", lots: [] }) as const;
    refused(log, "ticket", () => log.add("society.rollback", deadline(first)));
    expect(log.fold.society.dueEntry(log.time)).toBeUndefined();
    log.now += 2;
    const due = { type: "society.rollback", body: deadline(first) };
    expect(log.fold.society.dueEntry(log.time)).toEqual(due);
    refused(log, "ticket", () => log.add("society.rollback", deadline(second)));
    const none = { lots: [], withheld: [] };
    for (const attempt of [
      () => log.window(),
      () => log.charge(1, 10_000),
      () => log.certify(1),
      () => log.reserve(1),
      () => log.commit(second, 1),
      () => log.fail(second),
      () => log.add("society.expire", none),
      () => log.add("energy.reconcile", { kind: "full", stock: mwh(1), basis: "" }),
    ]) {
      refused(log, "expire", attempt);
    }
    expect(log.expire()).toBe(2);
    expect(log.summary).toMatchObject({ atp: 300, reserved: 0 });
    log.window();
  });

  it("comes before what expires", () => {
    const { log } = withLots(100, 200);
    const ticket = log.reserve(50);
    log.now += 7 * DAY;
    const expire = log.fold.society.dueExpiries(log.time)!;
    refused(log, "expire", () => log.add("society.expire", expire));
    const due = log.fold.society.dueEntry(log.time)!;
    expect(due).toMatchObject({
      type: "society.rollback",
      body: { ticket, lots: [{ amount: 50 }] },
    });
    expect(log.expire()).toBe(2);
    expect(log.summary).toMatchObject({ atp: 0, reserved: 0, wasted: 300 });
  });

  it("waits for a synchronised clock, and so does what expires in it", () => {
    const { log } = withLots(100);
    const ticket = log.reserve(60);
    log.clock("unsynchronised");
    log.now += 8 * DAY;
    expect(log.expire()).toBe(0);
    log.fail(ticket);
    expect(log.summary).toMatchObject({ atp: 100, wasted: 0 });
    log.clock("synchronised");
    expect(log.expire()).toBe(1);
    expect(log.summary).toMatchObject({ atp: 0, wasted: 100 });
  });

  it("expires the lots that are past their date in the same entry, and those only", () => {
    const { log, charges } = withLots(100, 200);
    log.now = START + MINUTE + 7 * DAY - 1;
    const ticket = log.reserve(150);
    log.now += 1;
    // the whole of the first lot is reserved, so nothing has expired
    expect(log.fold.society.dueEntry(log.time)).toBeUndefined();
    const lots = [{ charge: charges[0]!, since: log.time, amount: mwh(100) }];
    const said = log.fold.society.rollbackFor(log.time, ticket);
    expect(said.lots).toMatchObject([{ charge: charges[0], amount: 100 }]);
    refused(log, "expire", () => log.add("society.rollback", { ...said, lots: [] }));
    refused(log, "expire", () => log.add("society.rollback", { ...said, lots }));
    log.fail(ticket);
    expect(log.summary).toMatchObject({ atp: 200, reserved: 0, unclaimed: 100, wasted: 100 });
    expect(log.fold.society.dueEntry(log.time)).toBeUndefined();
    expect(log.fold.society.alerts(said)).toBe(false);
    log.policy({ wasteAlert: mwh(99) });
    expect(log.fold.society.alerts(said)).toBe(true);
  });
});

describe("reserved lots", () => {
  it("are the last that reconciling writes off, and are waste then", () => {
    const { log } = withLots(100, 200);
    const [first, second] = [log.reserve(80), log.reserve(40)];
    log.minute(50, 0);
    // available 180, reserved 120, eligible 50
    log.add("energy.reconcile", { kind: "empty", stock: mwh(121), basis: "" });
    expect(log.summary).toMatchObject({ eligible: 0, atp: 1, reserved: 120, wasted: 179 });
    log.add("energy.reconcile", { kind: "empty", stock: mwh(30), basis: "" });
    expect(log.summary).toMatchObject({ atp: 0, reserved: 30, wasted: 270, adp: 999_970 });
    expect(log.fold.society.tickets()).toMatchObject([
      { ticket: first, held: 0, used: 0 },
      { ticket: second, held: 30, used: 0 },
    ]);
    log.fail(first);
    log.minute(0, 31);
    expect(log.summary).toMatchObject({ reserved: 0, deficit: 1 });
    log.commit(second);
  });

  it("outlive a closed society only until they roll back", () => {
    const { log } = withLots(100);
    const ticket = log.reserve(60);
    log.close("void");
    refused(log, "closed", () => log.reserve(1));
    refused(log, "closed", () => log.commit(ticket, 1));
    refused(log, "closed", () => log.certify(1));
    log.now += DAY;
    expect(log.expire()).toBe(1);
    expect(log.summary).toMatchObject({ atp: 100, reserved: 0 });
  });
});
