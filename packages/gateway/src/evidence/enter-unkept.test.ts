import { millis, silentLogger } from "@wattseal/base";
import { expect, it, onTestFinished } from "vitest";
import { LogWriter } from "../ledger/log-writer.js";
import { bodiesOf } from "../metering/recording.fixture.js";
import { makePack } from "../pack.fixture.js";
import { enterUnkept } from "./enter-unkept.js";
import type { Unkept, Why } from "./unkept.js";

async function entering() {
  const made = await makePack((cleanUp) => onTestFinished(cleanUp));
  const log = await made.openLog({});
  onTestFinished(() => log.close());
  await log.begin({ pending: made.loadPending(log), receipt: undefined, onSigned: () => {} });
  const { clock } = made;
  const writer = new LogWriter({ log, clock, logger: silentLogger });
  const waiting: Unkept[] = [];
  const store = { unkept: () => waiting.splice(0) };
  const lose = (why: Why, from: number, until: number) =>
    waiting.push({ why, from: millis(from), until: millis(until) });
  const entered = async () => {
    await writer.settled();
    return bodiesOf([...log.store.entries()], "ops.loss");
  };
  return { clock, writer, store, lose, entered };
}

it("readings that were not kept are entered: of which time, and why", async () => {
  const { clock, writer, store, lose, entered } = await entering();
  enterUnkept(store, writer);
  expect(await entered()).toEqual([]);
  const [from, until] = [clock.now() - 9_000, clock.now() - 2_000];
  lose("disk-slow", from, until);
  lose("disk-failed", from + 1, until + 1);
  enterUnkept(store, writer);
  expect(await entered()).toMatchObject([
    { what: "evidence", from, until, reason: "disk-slow" },
    { what: "evidence", from: from + 1, until: until + 1, reason: "disk-failed" },
  ]);
  expect(writer.refused).toBe(0);
});

it("they are asked for in their turn: what no epoch is there for is entered by the next", async () => {
  const { clock, writer, store, lose, entered } = await entering();
  const at = clock.now() - 1_000;
  lose("disk-failed", at, at);
  writer.hold();
  enterUnkept(store, writer);
  expect(await entered()).toEqual([]);
  lose("disk-slow", at, at);
  writer.release();
  expect(await entered()).toMatchObject([{ reason: "disk-failed" }, { reason: "disk-slow" }]);
});

it("no loss is later than the log's clock, whatever a file is named", async () => {
  const { clock, writer, entered } = await entering();
  const [from, until] = [millis(clock.now() + 3_600_000), millis(clock.now() + 7_200_000)];
  writer.lost({ what: "evidence", from, until, reason: "disk-pressure", detail: "" });
  expect(await entered()).toMatchObject([{ from: clock.now(), until: clock.now() }]);
});
