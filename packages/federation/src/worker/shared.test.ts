import { utf8 } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import { TestClock } from "../fleet.fixture.js";
import { MemoryStore } from "../store/memory.fixture.js";
import { bench, pack } from "./bench.fixture.js";

/** Counts what is read from the beginning of a log. */
class CountingStore extends MemoryStore {
  replays = 0;

  override async leaves(...[name, from, limit]: Parameters<MemoryStore["leaves"]>) {
    if (from === 0) this.replays += 1;
    return super.leaves(name, from, limit);
  }
}

async function twoWorkers() {
  const store = new CountingStore();
  const clock = new TestClock();
  const both = [await bench(store, clock), await bench(store, clock)] as const;
  const errors = () => both.flatMap((worker) => worker.errors);
  const requests = () => both.flatMap((worker) => worker.requests());
  return { store, clock, both, errors, requests };
}

describe("workers that share a store", () => {
  it("take a pack's batches in turn: each goes on from what the other stored, and nothing is asked for again", async () => {
    const { store, clock, both, errors, requests } = await twoWorkers();
    const p = pack(250);
    for (const { give } of both) await give(p, "batch", p.batch(0, 10));
    const replays = store.replays;
    for (let from = 10; from < 250; from += 80) {
      for (let i = 0; i < 8; i += 1) {
        both[i % 2]?.deliver(p, "batch", p.batch(from + 10 * i, from + 10 * i + 10));
      }
      await clock.advance(1000);
      expect((await store.pack(p.name))?.receipt?.size).toBe(from + 80);
    }
    expect(store.replays).toBe(replays);
    expect(await both[0].stored(p)).toEqual(p.leaves);
    expect(requests()).toEqual([]);
    expect(errors()).toEqual([]);
    for (const { worker } of both) expect(worker.stats.refused).toEqual({});
  });

  it("do not ask for what a head names and the other has stored", async () => {
    const { clock, both, requests } = await twoWorkers();
    const p = pack(20);
    for (const { give } of both) await give(p, "batch", p.batch(0, 10));
    both[1].deliver(p, "head", utf8(p.note()));
    await both[0].give(p, "batch", p.batch(10));
    await clock.advance(60_000);
    expect(requests()).toEqual([]);
  });

  it("know an epoch that the other has stored by what it signs, heads and batches", async () => {
    const { store, clock, both, errors } = await twoWorkers();
    const p = pack(10);
    for (const { give } of both) await give(p, "batch", p.batch(0, 10));
    p.beginEpoch();
    p.work(11);
    const [stored, from] = [p.leaves.length - 5, p.leaves.length];
    await both[0].give(p, "batch", p.batch(10, stored));
    await both[1].give(p, "head", utf8(p.note()));
    await both[1].give(p, "batch", p.batch(stored, from));
    await clock.advance(1000);
    expect((await store.pack(p.name))?.receipt?.size).toBe(from);
    expect(errors()).toEqual([]);
    for (const { worker } of both) expect(worker.stats.refused).toEqual({});
  });

  it("replay a log that grows meanwhile as far as it went when they began", async () => {
    const { store, both, errors } = await twoWorkers();
    const p = pack(20);
    await both[0].give(p, "batch", p.batch(0, 10));
    const { leaves } = store;
    store.leaves = async (...args) => {
      store.leaves = leaves;
      await both[0].give(p, "batch", p.batch(10, 15));
      return leaves.apply(store, args);
    };
    await both[1].give(p, "batch", p.batch(15, 20));
    await both[0].clock.advance(1000);
    expect(await both[1].stored(p)).toEqual(p.leaves);
    expect(errors()).toEqual([]);
  });
});

it("what can never be of use is told apart from what is dealt with", async () => {
  const { worker, clock } = await bench();
  const p = pack(20);
  const verdicts: (string | undefined)[] = [];
  const junk = p.batch(10).fill(0, 60, 80);
  for (const payload of [p.batch(0, 10), junk, p.batch(0, 10), p.batch(10)]) {
    const settle = (verdict?: "refused") => void verdicts.push(verdict);
    worker.deliver({ pack: p.name, channel: "batch", payload, settle });
    await clock.advance(20);
  }
  expect(verdicts).toEqual([undefined, "refused", undefined, undefined]);
});
