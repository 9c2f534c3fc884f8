import { moduleUid, silentLogger, slot } from "@wattseal/base";
import type { OrderResult, PackOrder } from "@wattseal/can-protocol";
import { describe, expect, it } from "vitest";
import { HandClock, HandTimeSource } from "../clock.fixture.js";
import type { LinkManager } from "./manager.js";
import { Supervisor } from "./supervisor.js";

const uid = moduleUid("5701000000000001");
const module = { uid, slot: slot(1) };

/** Links that keep what they were asked for, and answer as told. */
class Asked {
  readonly orders: PackOrder[] = [];
  isolated = false;
  answer: (order: PackOrder) => OrderResult = () => ({ kind: "acknowledged" });

  order(_: string, order: PackOrder): Promise<OrderResult> {
    this.orders.push(order);
    return Promise.resolve(this.answer(order));
  }
  orderAll(order: PackOrder) {
    return new Map([[uid, this.order(uid, order)]]);
  }
}

function supervised() {
  const links = new Asked();
  const clock = new HandClock();
  const supervisor = new Supervisor({
    links: links as unknown as LinkManager,
    info: { nominalBitRate: 500_000, dataBitRate: undefined },
    modules: [module as never],
    hz: 5,
    clock,
    timeSource: new HandTimeSource(clock),
    logger: silentLogger,
  });
  const turn = async (ms: number) => {
    for (let i = 0; i < 5; i += 1) await Promise.resolve();
    clock.advance(ms);
    for (let i = 0; i < 5; i += 1) await Promise.resolve();
  };
  const kinds = () => links.orders.map(({ kind }) => kind);
  return { links, supervisor, turn, kinds };
}

describe("the supervisor", () => {
  it("asks each new session for its rate and for On", () => {
    const { links, supervisor } = supervised();
    supervisor.linked(module as never);
    expect(links.orders).toEqual([
      { kind: "telemetry-request", periodMs: 200 },
      { kind: "state-change", state: 3, hvBusVoltage: 0 },
    ]);
  });

  it("asks again, ever more slowly, until it is heard, and never for an older session", async () => {
    const { links, supervisor, turn, kinds } = supervised();
    links.isolated = true;
    links.answer = () => ({ kind: "timed-out" });
    supervisor.linked(module as never);
    for (const ms of [2000, 4000, 8000]) await turn(ms);
    expect(kinds()).toEqual(new Array(4).fill("telemetry-request"));
    links.answer = () => ({ kind: "acknowledged" });
    supervisor.linked(module as never);
    await turn(120_000);
    expect(kinds()).toHaveLength(5);
  });

  it("takes a refusal for an answer, but for one that a moment cures", async () => {
    const { links, supervisor, turn, kinds } = supervised();
    links.answer = ({ kind }) => ({
      kind: "refused",
      reason: kind === "state-change" ? "state" : "unsupported",
    });
    supervisor.linked(module as never);
    await turn(2000);
    expect(kinds()).toEqual(["telemetry-request", "state-change", "state-change"]);
  });

  it("does not switch on what is isolated, until it is allowed", async () => {
    const { links, supervisor, turn, kinds } = supervised();
    links.isolated = true;
    supervisor.linked(module as never);
    await turn(60_000);
    expect(kinds()).toEqual(["telemetry-request"]);
    links.isolated = false;
    supervisor.allowed();
    expect(kinds()).toEqual(["telemetry-request", "state-change"]);
  });

  it("takes one statement for each question, and asks every hour", async () => {
    const { supervisor, turn, kinds } = supervised();
    expect(supervisor.answered(module as never)).toBe(false);
    supervisor.start();
    await turn(3_600_000);
    expect(kinds()).toEqual(["counter-statement-request"]);
    expect(supervisor.answered(module as never)).toBe(true);
    expect(supervisor.answered(module as never)).toBe(false);
    supervisor.stop();
  });
});
