import { utf8 } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import { TestPack } from "../fleet.fixture.js";
import { bench, pack } from "./bench.fixture.js";

describe("out of order", () => {
  it("is acknowledged at once, waits for what is missing and follows it", async () => {
    const { give, receipts, settled, requests, clock } = await bench();
    const p = pack(40);
    await give(p, "batch", p.batch(0, 10));
    await give(p, "batch", p.batch(30, 40));
    await give(p, "batch", p.batch(20, 30));
    expect(settled).toHaveLength(3);
    await give(p, "batch", p.batch(10, 20));
    await clock.advance(20);
    expect(receipts().at(-1)?.size).toBe(40);
    expect(settled).toHaveLength(4);
    await clock.advance(60_000);
    expect(requests()).toEqual([]);
  });

  it("after five seconds asks for what is missing, and ever more rarely, until nothing has been signed for an hour", async () => {
    const { give, requests, clock } = await bench();
    const p = pack(30);
    await give(p, "batch", p.batch(0, 10));
    await give(p, "head", utf8(p.note()));
    await give(p, "batch", p.batch(20, 30));
    await clock.advance(4900);
    expect(requests()).toEqual([]);
    await clock.advance(200);
    expect(requests()).toEqual([10]);
    await clock.advance(30_000);
    expect(requests()).toEqual([10, 10, 10]);
    await clock.advance(3_600_000);
    const asked = requests().length;
    expect(asked).toBeLessThan(25);
    await clock.advance(86_400_000);
    expect(requests()).toHaveLength(asked);
    p.work(1);
    await give(p, "head", utf8(p.note()));
    await clock.advance(5100);
    expect(requests()).toHaveLength(asked + 1);
  });

  it("is held for five seconds, however rarely the pack is asked", async () => {
    const { give, receipts, clock } = await bench();
    const p = pack(30);
    await give(p, "batch", p.batch(0, 10));
    await give(p, "head", utf8(p.note()));
    await clock.advance(1_000_000); // requests are minutes apart by now
    await give(p, "batch", p.batch(20, 30));
    await clock.advance(4000);
    await give(p, "batch", p.batch(10, 15));
    await give(p, "batch", p.batch(15, 20));
    await clock.advance(20);
    expect(receipts().at(-1)?.size).toBe(30);
    const q = pack(30, "q");
    await give(q, "batch", q.batch(0, 10));
    await give(q, "batch", q.batch(20, 30));
    await clock.advance(6000);
    await give(q, "batch", q.batch(10, 20));
    await clock.advance(20);
    expect(receipts().at(-1)?.size).toBe(20); // what was held is gone: the pack is asked for it
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

  it("holds no more of a pack than sixteen messages, and asks for the rest", async () => {
    const { give, deliver, clock, worker, settled, requests } = await bench();
    const p = pack(60);
    await give(p, "batch", p.batch(0, 10));
    for (let i = 0; i < 20; i += 1) deliver(p, "batch", p.batch(20 + i, 21 + i));
    await clock.advance(20);
    expect(worker.stats.refused).toEqual({ overflow: 4 });
    expect(settled).toHaveLength(21);
    await clock.advance(5100);
    expect(requests()).toEqual([10]);
  });

  it("tells the operator of first contact, of falling behind and of catching up, and of no receipt", async () => {
    const { give, clock, infos } = await bench();
    const p = pack(40);
    await give(p, "batch", p.batch(0, 10));
    await give(p, "batch", p.batch(10, 20));
    await give(p, "head", utf8(p.note()));
    await clock.advance(60_000);
    await give(p, "batch", p.batch(20, 40));
    expect(infos).toEqual([
      { event: "federation.pack-contact", fields: { pack: p.name, entries: 10, new: true } },
      { event: "federation.pack-behind", fields: { pack: p.name, entries: 20, signed: 40 } },
      { event: "federation.pack-caught-up", fields: { pack: p.name, entries: 40 } },
    ]);
  });

  it.each(["head", "batch"] as const)(
    "calls a pack new whose first batch is still to be committed when its %s comes",
    async (channel) => {
      const { deliver, clock, infos } = await bench();
      const p = pack(40);
      deliver(p, "batch", p.batch(0, 10));
      deliver(p, channel, channel === "head" ? utf8(p.note()) : p.batch(20, 40));
      await clock.advance(20);
      expect(infos[0]).toEqual({
        event: "federation.pack-contact",
        fields: { pack: p.name, entries: 10, new: true },
      });
    },
  );

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
