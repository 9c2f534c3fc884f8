import { fromUtf8, utf8 } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import { AUTHORITY, TestPack } from "../fleet.fixture.js";
import { bench, pack } from "./bench.fixture.js";

describe("a fork", () => {
  it("of validly signed checkpoints is kept as evidence, alarmed, and gets no receipt", async () => {
    const { give, store, errors, receipts, sent } = await bench();
    const p = pack(10);
    const twin = pack(8);
    twin.work(2, 1);
    await give(p, "batch", p.batch(0));
    const payload = twin.batch(8);
    await give(p, "batch", payload);
    await give(p, "batch", payload);
    await give(p, "head", utf8(twin.note()));
    const forks = await store.forks();
    expect(forks).toMatchObject([
      { kind: "checkpoint", size: 10, payload },
      { kind: "checkpoint", size: 10, payload: utf8(twin.note()) },
    ]);
    expect(forks[0]?.receipt).toBe(fromUtf8(sent[0]!.payload));
    expect(errors.map(({ event }) => event)).toEqual(Array(3).fill("federation.fork"));
    expect(receipts()).toHaveLength(1);
  });

  it("at a size that no checkpoint had is found from the leaves", async () => {
    const { give, store } = await bench();
    const p = pack(10);
    const twin = pack(6);
    twin.work(1, 1);
    await give(p, "batch", p.batch(0));
    await give(p, "head", utf8(twin.note(7)));
    expect(await store.forks()).toMatchObject([{ size: 7 }]);
  });

  it("of epochs, two bodies for one counter, is a clone", async () => {
    const { give, store, worker } = await bench();
    const p = pack(10);
    const clone = new TestPack("pack", AUTHORITY, "second");
    clone.work(8);
    await give(p, "batch", p.batch(0));
    await give(p, "batch", clone.batch(0));
    expect(await store.forks()).toMatchObject([{ kind: "epoch", size: 1 }]);
    expect(worker.stats.latest.get(p.name)).toEqual({ size: 10, witnessed: 10 });
  });

  it("is not what an old head played again is, nor a leaf that was damaged on its way", async () => {
    const { give, store, worker } = await bench();
    const p = pack(10);
    await give(p, "batch", p.batch(0, 6));
    await give(p, "batch", p.batch(6));
    await give(p, "head", utf8(p.note(6)));
    await give(p, "head", utf8(p.note(4)));
    expect(worker.stats.refused).toEqual({});
    const leaves = [...p.leaves.slice(0, 9), p.leaves[0]!];
    await give(p, "batch", p.batch(0, 10, { leaves }));
    expect(worker.stats.refused).toEqual({ leaf: 1 });
    expect(await store.forks()).toEqual([]);
  });

  it("is not what anyone else can fake", async () => {
    const { give, store, worker } = await bench();
    const p = pack(10);
    await give(p, "batch", p.batch(0));
    const [text] = pack(10).note().split("\n\n");
    const forged = new TestPack("pack", AUTHORITY, "second").note(2).split("\n\n")[1];
    await give(p, "head", utf8(`${text?.replace("\n10\n", "\n9\n")}\n\n${forged}`));
    expect(worker.stats.refused).toEqual({ signature: 1 });
    expect(await store.forks()).toEqual([]);
  });
});
