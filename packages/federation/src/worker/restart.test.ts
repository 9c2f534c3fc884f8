import { fromUtf8 } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import { TestClock } from "../fleet.fixture.js";
import { foldGrowth } from "../store/growth.fixture.js";
import { MemoryStore } from "../store/memory.fixture.js";
import { bench, pack } from "./bench.fixture.js";

describe("the store", () => {
  it("is all that a new worker needs", async () => {
    const first = await bench();
    const p = pack(10);
    await first.give(p, "batch", p.batch(0));
    await first.worker.stop();
    const second = await bench(first.store);
    expect(second.worker.stats).toMatchObject({ packs: 1, entries: 10, receipts: 0 });
    p.work(5);
    await second.give(p, "batch", p.batch(10));
    expect(second.receipts().map(({ size }) => size)).toEqual([15]);
  });

  it("killed between commit and receipt: sent again, the batch gets the stored receipt", async () => {
    const first = await bench();
    const p = pack(10);
    first.store.failure = { when: "after" };
    await first.give(p, "batch", p.batch(0));
    expect(first.sent).toEqual([]);
    expect(first.settled).toEqual([]);
    const second = await bench(first.store);
    await second.give(p, "batch", p.batch(0));
    const receipt = (await first.store.pack(p.name))?.receipt;
    expect(second.sent.map(({ payload }) => fromUtf8(payload))).toEqual([receipt?.text]);
    expect(first.store.commits).toBe(1);
  });

  it.each(["before", "after"] as const)(
    "that fails %s its commit is tried again; nothing is acknowledged before",
    async (when) => {
      const { give, store, settled, receipts, clock, stored } = await bench();
      const p = pack(10);
      store.failure = { when };
      await give(p, "batch", p.batch(0));
      expect(settled).toEqual([]);
      expect(receipts()).toEqual([]);
      await clock.advance(1000);
      expect(settled).toEqual(["1"]);
      expect(receipts().map(({ size }) => size)).toEqual([10]);
      expect(await stored(p)).toEqual(p.leaves);
    },
  );

  it("serves two workers on one pack: what one commits the other finds", async () => {
    const store = new MemoryStore();
    const clock = new TestClock();
    const both = [await bench(store, clock), await bench(store, clock)];
    const p = pack(200);
    for (let from = 0; from < 200; from += 10) {
      const luck = (from / 10) % 3;
      const chosen = luck === 0 ? both : both.slice(luck - 1, luck);
      for (const worker of chosen) worker.deliver(p, "batch", p.batch(from, from + 10));
      await clock.advance(6000);
    }
    expect(await both[0]?.stored(p)).toEqual(p.leaves);
    expect((await store.pack(p.name))?.receipt?.size).toBe(200);
    expect(both.flatMap(({ errors }) => errors)).toEqual([]);
    expect(both.flatMap(({ requests }) => requests())).toEqual([]);
  });

  it("that was tampered with gets no more receipts", async () => {
    const first = await bench();
    const p = pack(10);
    await first.give(p, "batch", p.batch(0));
    const store = new MemoryStore();
    const [row] = await first.store.packs();
    await store.commit([
      {
        pack: p.name,
        previous: { size: 0, nodes: [] },
        next: row!,
        leaves: [{ first: 0, leaves: p.leaves.with(7, p.leaves[6]!) }],
        heads: [],
        stays: [],
        fold: foldGrowth(0),
        receipt: row!.receipt,
      },
    ]);
    const second = await bench(store);
    p.work(2);
    await second.give(p, "batch", p.batch(10));
    await second.give(p, "batch", p.batch(10));
    expect(second.worker.stats.refused).toEqual({ store: 2 });
    expect(second.errors).toHaveLength(1);
    expect(second.errors[0]?.fields?.["error"]).toContain(p.name);
    expect(second.sent).toEqual([]);
  });

  it("reads a log that another worker lets grow meanwhile", async () => {
    const store = new MemoryStore();
    const first = await bench(store);
    const p = pack(10);
    await first.give(p, "batch", p.batch(0));
    p.work(4);
    const { leaves } = store;
    store.leaves = async (...asked) => {
      store.leaves = leaves;
      await first.give(p, "batch", p.batch(10, 12));
      return leaves.apply(store, asked);
    };
    const second = await bench(store);
    await second.give(p, "batch", p.batch(10));
    await second.give(p, "batch", p.batch(10));
    expect(second.errors).toEqual([]);
    expect(second.worker.stats.refused).toEqual({});
    expect(second.receipts().at(-1)?.size).toBe(14);
    expect(await second.stored(p)).toEqual(p.leaves);
  });

  it("gives a stopping worker what was delivered", async () => {
    const { deliver, worker, settled, receipts } = await bench();
    const p = pack(10);
    deliver(p, "batch", p.batch(0));
    await worker.stop();
    expect(settled).toEqual(["1"]);
    expect(receipts()).toHaveLength(1);
    deliver(p, "batch", p.batch(0));
    expect(settled).toEqual(["1"]);
  });
});
