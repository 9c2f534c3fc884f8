import { type Clock, lctId, milliwattHours } from "@wattseal/base";
import { decodeEntry, LedgerError } from "@wattseal/energy-ledger";
import { describe, expect, it } from "vitest";
import { GatewayError } from "../errors.js";
import { recording } from "../metering/recording.fixture.js";
import { Books } from "./books.js";
import { SocietyOrders } from "./orders.js";

const DAY = 24 * 3600 * 1000;
const WORKER = lctId(`lct:agent:${"a".repeat(32)}`);
const mwh = milliwattHours;
const work = (amount: number) => ({
  amount: mwh(amount),
  worker: WORKER,
  task: "compute",
  order: undefined,
});
const done = (ticket: number, amount: number | undefined) => ({
  ticket,
  amount: amount === undefined ? undefined : mwh(amount),
  quality: 8000,
  proof: undefined,
});

/** A pack that took in about 525 Wh over three minutes: 60 % in three lots, the rest withheld. */
async function charged() {
  const recorded = await recording();
  const { modules, read, run, log, writer, books } = recorded;
  read(modules[0]!, 30, { in: 0, out: 0 });
  const at = run(modules[0]!, 181, 30, { in: 0, out: 0 });
  await writer.settled();
  const orders = new SocietyOrders({ log, writer, books });
  const types = (from: number) =>
    [...log.store.entries()].slice(from).map((bytes) => decodeEntry(bytes).type);
  return { ...recorded, orders, at, types };
}

async function refusalOf(order: Promise<unknown>): Promise<GatewayError> {
  const thrown = await order.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown instanceof GatewayError) return thrown;
  throw new Error(`not refused, but ${thrown}`);
}

describe("an order of the society", () => {
  it("opens a ticket that its entry names, durable when told, and closes it with its work", async () => {
    const { orders, log, clock } = await charged();
    const before = log.fold.summary();
    const { ticket, deadline } = await orders.reserve(work(1000));
    expect(ticket).toBe(log.store.durableSize - 1);
    expect(decodeEntry(log.store.entry(ticket)).type).toBe("society.reserve");
    expect(deadline).toBe(clock.now() + DAY);
    expect(log.fold.summary()).toMatchObject({ atp: before.atp - 1000, reserved: 1000 });

    const committed = await orders.commit(done(ticket, 600));
    expect(committed).toEqual({ entry: ticket + 1, worker: WORKER, reputation: 480 });
    expect(log.store.durableSize).toBe(committed.entry + 1);
    expect(log.fold.summary()).toMatchObject({
      atp: before.atp - 600,
      reserved: 0,
      adp: before.adp + 600,
      unclaimed: before.unclaimed + 600,
    });
  });

  it("gives a failed ticket back to its lots", async () => {
    const { orders, log } = await charged();
    const before = log.fold.summary();
    const { ticket } = await orders.reserve(work(1000));
    const back = await orders.rollback(ticket);
    expect(back).toEqual({ entry: ticket + 1, returned: 1000, wasted: 0 });
    expect(log.fold.summary()).toEqual(before);
  });

  it("certifies what is withheld", async () => {
    const { orders, log } = await charged();
    const { atp, withheld } = log.fold.summary();
    const certifier = "substation-4";
    await orders.certify({ amount: mwh(5000), by: "load", certifier, proof: undefined });
    expect(log.fold.summary()).toMatchObject({ atp: atp + 5000, withheld: withheld - 5000 });
  });

  it("is refused by the rules with the reason and what to do, and changes nothing", async () => {
    const { orders, log } = await charged();
    const { size } = log.fold;
    const tooMuch = await refusalOf(orders.reserve(work(10_000_000)));
    expect(tooMuch).toMatchObject({ code: "order-refused", kind: "usage" });
    expect(tooMuch.message).toMatch(/10000000 mWh, but \d+ are in the oldest 256 lots.*accounts/);
    expect(tooMuch.cause).toBeInstanceOf(LedgerError);
    for (const order of [
      orders.commit(done(3, 1)),
      orders.rollback(3),
      orders.reserve({ ...work(1), task: "Not A Label" }),
      orders.certify({ amount: mwh(10 ** 9), by: "load", certifier: "x", proof: undefined }),
      orders.resolve({ interval: 5, decision: "accept", evidence: "audit", reason: "" }),
    ]) {
      expect((await refusalOf(order)).code).toBe("order-refused");
    }
    expect(log.fold.size).toBe(size);
  });

  it("waits while an epoch gives way to the next, in its order with the metering", async () => {
    const { orders, writer, clock, log, types, modules, read, at } = await charged();
    const { size } = log.fold;
    writer.hold();
    clock.advance(1000);
    read(modules[0]!, 30, { in: at.in + 2917, out: 0 });
    const reserved = orders.reserve(work(1000));
    clock.advance(60_000);
    await writer.settled();
    expect(log.fold.size).toBe(size);
    writer.release();
    expect((await reserved).ticket).toBe(size);
    expect(types(size).slice(0, 2)).toEqual(["society.reserve", "energy.interval"]);
  });

  it("is turned away where too much waits already, or the gateway stops", async () => {
    const { orders, writer, log, types } = await charged();
    const { size } = log.fold;
    writer.hold();
    while (writer.inTurn(() => {})) writer.inTurn(() => {});
    expect(await refusalOf(orders.reserve(work(1)))).toMatchObject({ code: "busy" });
    writer.release();
    orders.close();
    expect(await refusalOf(orders.reserve(work(1)))).toMatchObject({ code: "stopping" });
    await writer.settled();
    expect(types(size)).toEqual(["ops.loss"]);
  });

  it("says so when the log has stopped", async () => {
    const { orders, log } = await charged();
    await log.store.close();
    await refusalOf(orders.reserve(work(1)));
    expect(await refusalOf(orders.reserve(work(1)))).toMatchObject({ code: "ledger-stopped" });
  });
});

describe("what is due", () => {
  it("is entered before an order", async () => {
    const { orders, clock, log, types } = await charged();
    const { ticket } = await orders.reserve(work(1000));
    const second = await orders.reserve(work(500));
    clock.jump(DAY);
    const { size } = log.fold;
    await orders.reserve(work(10));
    expect(types(size)).toEqual(["society.rollback", "society.rollback", "society.reserve"]);
    expect((await refusalOf(orders.commit(done(ticket, 1)))).message).toMatch(/no open ticket/);
    expect((await refusalOf(orders.rollback(second.ticket))).code).toBe("order-refused");
  });

  it("is entered by itself at the minute: a ticket rolls back after 24 hours", async () => {
    const { orders, clock, log, writer, entries } = await charged();
    const { ticket } = await orders.reserve(work(1000));
    clock.jump(DAY - 60_000);
    clock.advance(0);
    await writer.settled();
    expect(entries("society.rollback")).toEqual([]);
    clock.advance(120_000);
    await writer.settled();
    expect(entries("society.rollback")).toEqual([{ ticket, reason: "deadline", lots: [] }]);
    expect(log.fold.summary().reserved).toBe(0);
  });

  it("stays what it was for an order and a window on a clock that goes on between two looks", async () => {
    const recorded = await recording();
    const { clock, writer, log, run, read, modules, pairing, logger } = recorded;
    read(modules[0]!, 30, { in: 0, out: 0 });
    run(modules[0]!, 60, 30, { in: 0, out: 0 });
    await writer.settled();
    const since = [...log.store.entries()]
      .map((bytes) => decodeEntry(bytes))
      .find(({ type }) => type === "society.charge")!.timeMs;
    const ticking: Clock = {
      now: () => {
        const now = clock.now();
        clock.jump(1);
        return now;
      },
      at: (time, task) => clock.at(time, task),
    };
    const books = new Books({ log, writer, pairing, source: "charger", clock: ticking, logger });
    const orders = new SocietyOrders({ log, writer, books });
    clock.jump(since + 7 * DAY - 1 - clock.now());
    const { ticket } = await orders.reserve(work(1));
    expect(decodeEntry(log.store.entry(ticket)).timeMs).toBe(since + 7 * DAY - 1);
    books.close(clock.now());
    await writer.settled();
    expect(recorded.complaints).toEqual([]);
    expect(recorded.entries("society.expire")).toHaveLength(1);
  });

  it("alerts an operator of waste above the policy's bound, and of less not", async () => {
    const { orders, clock, books, warnings, log } = await charged();
    const { ticket } = await orders.reserve(work(99_000));
    clock.jump(8 * DAY);
    await refusalOf(orders.rollback(ticket));
    const { wasted } = log.fold.summary();
    expect(wasted).toBeGreaterThan(300_000);
    const last = { mwh: wasted - 99_000, entry: log.fold.size - 1, time: log.fold.time };
    expect(books.waste).toEqual({ alerts: 1, last });
    expect(warnings.filter(({ event }) => event === "society.waste")).toEqual([
      { event: "society.waste", fields: expect.objectContaining({ mwh: wasted - 99_000 }) },
    ]);
  });
});

describe("what is measured and cannot be charged", () => {
  it("is told once, when the source's proof is out of date", async () => {
    const { clock, run, writer, modules, warnings, at, log, complaints } = await charged();
    const uncharged = () => warnings.filter(({ event }) => event === "society.uncharged");
    expect(uncharged()).toEqual([]);
    // A proof of the grid counts for seven days.
    clock.jump(7 * DAY);
    run(modules[0]!, 240, 30, at);
    await writer.settled();
    const { adp, eligible } = log.fold.summary();
    expect(eligible).toBeGreaterThan(300_000);
    expect(uncharged()).toEqual([
      {
        event: "society.uncharged",
        fields: { eligible: expect.any(Number), source: "charger", covered: 0, adp },
      },
    ]);
    expect(complaints).toEqual([]);
  });
});

describe("a suspect interval", () => {
  it("counts in the next window once it is accepted, and can be settled once", async () => {
    const { writer, orders, entries, log, clock, read, modules, at } = await charged();
    let said = at.in;
    for (let second = 0; second < 60; second += 1) {
      clock.advance(1000);
      said += 4000;
      read(modules[0]!, 30, { in: said, out: 0 });
    }
    await writer.settled();
    const index = [...log.store.entries()].findLastIndex(
      (bytes) => decodeEntry(bytes).type === "energy.interval",
    );
    const suspect = entries("energy.interval").at(-1)!;
    expect(suspect.verdict).toBe("suspect");
    const settle = { interval: index, decision: "accept", evidence: "audit", reason: "" } as const;
    expect(await orders.resolve(settle)).toEqual({ entry: log.store.durableSize - 1 });
    expect((await refusalOf(orders.resolve(settle))).message).toMatch(/7 days/);
    clock.advance(60_000);
    await writer.settled();
    const window = entries("energy.window").at(-1)!;
    expect(window.net).toBeGreaterThanOrEqual(suspect.in);
  });
});
