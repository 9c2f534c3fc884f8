import { utf8 } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import { TestPack } from "../fleet.fixture.js";
import { bench, pack } from "./bench.fixture.js";

describe("out of order", () => {
  it("waits for what is missing and follows it", async () => {
    const { give, receipts, settled, requests, clock } = await bench();
    const p = pack(30);
    await give(p, "batch", p.batch(20, 30));
    await give(p, "batch", p.batch(10, 20));
    expect(settled).toEqual([]);
    await give(p, "batch", p.batch(0, 10));
    await clock.advance(20);
    expect(receipts().at(-1)?.size).toBe(30);
    expect(settled).toHaveLength(3);
    await clock.advance(60_000);
    expect(requests()).toEqual([]);
  });

  it("after five seconds asks for what is missing, and ever more rarely", async () => {
    const { give, requests, clock, settled } = await bench();
    const p = pack(30);
    await give(p, "batch", p.batch(0, 10));
    await give(p, "head", utf8(p.note()));
    await give(p, "batch", p.batch(20, 30));
    await clock.advance(4900);
    expect(requests()).toEqual([]);
    await clock.advance(200);
    expect(requests()).toEqual([10]);
    expect(settled).toHaveLength(3);
    await clock.advance(30_000);
    expect(requests()).toEqual([10, 10, 10]);
    await clock.advance(3_600_000);
    expect(requests().length).toBeLessThan(25);
  });

  it("a head alone tells that leaves are missing", async () => {
    const { give, requests, clock } = await bench();
    const p = pack(30);
    await give(p, "head", utf8(p.note()));
    await clock.advance(5100);
    expect(requests()).toEqual([0]);
    await give(p, "batch", p.batch(0));
    await clock.advance(600_000);
    expect(requests()).toEqual([0]);
  });

  it("holds no more of a pack than sixteen messages", async () => {
    const { deliver, clock, worker } = await bench();
    const p = pack(60);
    for (let i = 0; i < 20; i += 1) deliver(p, "batch", p.batch(20 + i, 21 + i));
    await clock.advance(20);
    expect(worker.stats.refused).toEqual({ overflow: 4 });
  });

  it("lets a late federation have the log in parts, up to a receipt", async () => {
    const { give, requests, receipts, stored, worker } = await bench();
    const p = pack(700);
    p.beginEpoch();
    p.work(50);
    await give(p, "epoch", p.evidence);
    for (let turn = 0, from = 0; from < p.size && turn < 10; turn += 1) {
      await give(p, "response", p.response(from));
      from = worker.stats.latest.get(p.name)?.size ?? 0;
      expect(from).toBe(Math.min(p.size, 256 * (turn + 1)));
    }
    expect(requests()).toEqual([256, 512]);
    expect(receipts().map(({ size }) => size)).toEqual([751]);
    expect(await stored(p)).toEqual(p.leaves);
  });

  it("takes no part of a log towards a checkpoint under a key that the anchor has not vouched for", async () => {
    const { give, worker } = await bench();
    const p = pack(300);
    p.beginEpoch();
    await give(p, "response", p.response(0));
    expect(worker.stats).toMatchObject({ entries: 0, refused: { signature: 1 } });
    const clone = new TestPack("other");
    await give(p, "epoch", clone.evidence);
    await give(p, "response", p.response(0));
    expect(worker.stats).toMatchObject({ entries: 0 });
    await give(p, "epoch", p.evidence);
    await give(p, "response", p.response(0));
    expect(worker.stats.entries).toBe(256);
  });
});
