import { millis, milliwattHours } from "@wattseal/base";
import { beforeEach, describe, expect, it } from "vitest";
import type { EntryBody } from "../entries/entry.js";
import { DAY, WORKER } from "../ledger.fixture.js";
import { nameOf, proofOf, Society, unexplained, World } from "./world.fixture.js";

const CHILD = nameOf("pack", "c");
const PARENT = nameOf("society", "p");
const UNCLE = nameOf("society", "u");
const mwh = milliwattHours;

let world: World;
let child: Society;
let parent: Society;
let charged: number;

/** A citizen with a lot of 1,000 mWh and two societies that could record its work. */
beforeEach(() => {
  world = new World();
  child = new Society(world, CHILD);
  parent = new Society(world, PARENT);
  child.policy([PARENT]);
  child.mint(10_000);
  child.source();
  parent.policy([CHILD]);
  parent.mint(5_000);
  world.now += DAY;
  charged = child.now;
  child.charge(1_000);
});

function worked(amount: number): number {
  const order = { worker: WORKER, task: "pumping", order: undefined };
  return child.add("society.reserve", { amount: mwh(amount), ...order });
}

function reported(ticket: number, amount?: number) {
  const part = amount === undefined ? {} : { amount: mwh(amount) };
  const work = { ticket, parent: PARENT, quality: 10_000, proof: undefined, ...part };
  const report = child.fold.trades.reportFor(work);
  const index = child.add("society.report", report);
  child.witness();
  const { expires } = report;
  const record = { citizen: CHILD, report: index, amount: report.amount, expires };
  return { ...record, proof: proofOf(child, index) };
}

describe("citizenship", () => {
  it("lets a parent charge a citizen's work once, as long as its lots would have lived", () => {
    const ticket = worked(600);
    world.now += DAY / 2;
    const record = reported(ticket, 500);
    expect(child.summary).toMatchObject({ atp: 500, reserved: 0, adp: 9_500, claims: -500 });
    world.now += DAY;
    const at = parent.add("society.record", record);
    expect(parent.summary).toMatchObject({ atp: 500, adp: 4_500, claims: 500, conversionLoss: 0 });
    expect([child, parent].map(unexplained)).toEqual([0, 0]);
    expect(parent.refuses("society.record", record)).toBe("trade");
    parent.restart();
    expect(parent.refuses("society.record", record)).toBe("trade");
    world.now = charged + 7 * DAY;
    const lots = [{ charge: at, since: charged, amount: 500 }];
    expect(parent.fold.dueEntry(parent.time)?.body).toEqual({ lots, withheld: [] });
  });

  it("counts what the citizen gives out after it as the delivery", () => {
    reported(worked(600));
    child.window(-700);
    expect(child.summary).toMatchObject({ claims: 0, atp: 300, deficit: 0 });
  });

  it("rewards the worker as a commit would", () => {
    const ticket = worked(600);
    child.window(-100);
    const work = { ticket, parent: PARENT, quality: 5_000, proof: undefined };
    const report = child.fold.trades.reportFor(work);
    expect(report).toMatchObject({ amount: 500, expires: charged + 7 * DAY });
    expect(child.fold.rewardOf(report)).toEqual({ worker: WORKER, reputation: 300 });
  });

  it("takes no report of what a ticket does not hold, of another's ticket, or that outlives its lots", () => {
    const ticket = worked(600);
    const work = { ticket, parent: PARENT, quality: 1, proof: undefined };
    const report = child.fold.trades.reportFor(work);
    const refuses = (over: Partial<EntryBody<"society.report">>) =>
      child.refuses("society.report", { ...report, ...over });
    expect(refuses({ amount: mwh(601) })).toBe("ticket");
    expect(refuses({ ticket: ticket - 1 })).toBe("ticket");
    expect(refuses({ expires: millis(report.expires + 1) })).toBe("trade");
    expect(refuses({ expires: child.time })).toBe("trade");
    expect(refuses({ parent: UNCLE })).toBe("trade");
    child.policy([CHILD, PARENT]);
    expect(refuses({ parent: CHILD })).toBe("trade");
    child.add("society.report", report);
    expect(refuses({})).toBe("ticket");
  });

  it("takes no record of what was not reported so, to it, by a citizen", () => {
    const record = reported(worked(600));
    const refuses = (over: Partial<typeof record>) =>
      parent.refuses("society.record", { ...record, ...over });
    expect(refuses({ amount: mwh(601) })).toBe("foreign");
    expect(refuses({ expires: millis(record.expires + 1) })).toBe("foreign");
    expect(refuses({ expires: parent.time })).toBe("trade");
    expect(refuses({ report: record.report - 1 })).toBe("foreign");
    expect(refuses({ citizen: UNCLE })).toBe("trade");
    expect(refuses({ proof: proofOf(child, record.report - 1) })).toBe("foreign");
    expect(refuses({ proof: proofOf(child, child.size) })).toBe("foreign");
    expect(refuses({ proof: proofOf(child, record.report, "somebody") })).toBe("foreign");
    parent.context.synchronised = false;
    expect(refuses({})).toBe("trade");
    parent.context.synchronised = true;
    const uncle = new Society(world, UNCLE);
    uncle.policy([CHILD]);
    expect(uncle.refuses("society.record", record)).toBe("foreign");
    world.now = record.expires;
    expect(refuses({})).toBe("trade");
    world.now -= 1;
    parent.add("society.record", record);
  });

  it("is entered by `recordFor`, once", () => {
    const record = reported(worked(600));
    const { proof } = record;
    const shown = world.foreign(proof, [{ name: "witness.example" }]);
    expect(parent.fold.trades.recordFor(shown, proof)).toEqual(record);
    parent.add("society.record", record);
    expect(parent.fold.trades.recordFor(shown, proof)).toBeUndefined();
    const other = { ...shown, index: shown.index - 1, entry: { ...shown.entry } };
    expect(parent.fold.trades.recordFor(other, proof)).toMatchObject({ report: other.index });
  });

  it("ends with the policy that allowed it, and with the society", () => {
    const record = reported(worked(600));
    parent.policy([]);
    expect(parent.refuses("society.record", record)).toBe("trade");
  });
});
