import { utf8 } from "@wattseal/base";
import { type PackName, packName } from "@wattseal/uplink";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { AUTHORITY, TestClock, TestPack } from "../fleet.fixture.js";
import { said, TestRegistry } from "../registry/registry.fixture.js";
import { MemoryStore } from "../store/memory.fixture.js";
import { bench, pack } from "./bench.fixture.js";

let test: TestRegistry;
beforeEach(async () => {
  test = await TestRegistry.open();
});
afterEach(() => test.remove());

function withRegistry(store?: MemoryStore) {
  return bench(store ?? new MemoryStore(), new TestClock(), { standing: test.registry });
}

describe("a worker with a registry", () => {
  it("takes nothing of an LCT that is void, and goes on with the others", async () => {
    const { give, receipts, worker, stored } = await withRegistry();
    const p = pack(10);
    const other = pack(10, "other");
    await test.registry.adopt(p.document.bytes);
    await give(p, "batch", p.batch(0));
    await test.registry.void(p.document.lct, "the board is gone");
    p.work(5);
    await give(p, "batch", p.batch(10));
    await give(p, "head", utf8(p.note()));
    await give(p, "epoch", p.evidence);
    await give(p, "response", p.response(10));
    await give(other, "batch", other.batch(0));
    expect(worker.stats.refused).toEqual({ revoked: 4 });
    expect(await stored(p)).toHaveLength(10);
    expect(receipts().map(({ origin, size }) => [origin, size])).toEqual([
      [p.origin, 10],
      [other.origin, 10],
    ]);
  });

  it("tells a pack that has ended, with the authority's word, at most once a minute while it goes on speaking", async () => {
    const { give, sent, clock } = await withRegistry();
    const p = pack(10);
    const other = pack(10, "other");
    await test.registry.adopt(p.document.bytes);
    await give(p, "batch", p.batch(0));
    await give(other, "batch", other.batch(0));
    const told = () => sent.filter(({ channel }) => channel === "status");
    expect(told()).toEqual([]);
    await test.registry.void(p.document.lct, "the board is gone");
    await give(p, "epoch", p.evidence);
    for (let i = 0; i < 5; i += 1) await give(p, "head", utf8(p.note()));
    await give(other, "head", utf8(other.note()));
    await vi.waitFor(() => expect(told()).toHaveLength(1));
    const [{ pack: to, payload } = { pack: "", payload: new Uint8Array() }] = told();
    expect([to, said(payload)]).toMatchObject([p.name, { lct: p.document.lct, state: "void" }]);
    await clock.advance(60_000);
    await give(p, "state", utf8("online"));
    await vi.waitFor(() => expect(told()).toHaveLength(2));
  });

  it("acknowledges what it refuses", async () => {
    const { give, settled, clock } = await withRegistry();
    const p = pack(10);
    await test.registry.adopt(p.document.bytes);
    await test.registry.void(p.document.lct, "the board is gone");
    for (let i = 0; i < 3; i += 1) await give(p, "batch", p.batch(0));
    await clock.advance(60_000);
    expect(settled).toHaveLength(3);
  });

  it("works with packs that the registry has never heard of", async () => {
    const { give, receipts } = await withRegistry();
    const p = pack(10);
    await give(p, "batch", p.batch(0));
    expect(receipts()).toHaveLength(1);
  });

  it("slashes a fork once, with its evidence, and takes neither side's word from then on", async () => {
    const { give, worker, errors, receipts } = await withRegistry();
    const p = pack(10);
    const twin = pack(8);
    twin.work(2, 1);
    await give(p, "batch", p.batch(0));
    await give(p, "batch", twin.batch(8));
    const { lct } = p.document;
    const standing = await test.registry.lct(lct);
    expect(standing?.state).toBe("slashed");
    expect(said(standing!.statements.at(-1)!)).toMatchObject({ lct, state: "slashed" });
    const [evidence] = await test.registry.evidence(lct);
    expect(evidence).toMatchObject({ kind: "checkpoint", size: 10, payload: twin.batch(8) });
    expect(evidence?.receipt).toContain(p.origin);
    p.work(5);
    twin.work(5, 1);
    await give(p, "batch", p.batch(10));
    await give(p, "batch", twin.batch(8));
    await give(p, "head", utf8(twin.note()));
    expect(worker.stats.refused).toEqual({ fork: 1, revoked: 3 });
    expect(errors.map(({ event }) => event)).toEqual(["federation.fork"]);
    expect(test.logged.filter(({ event }) => event === "registry.slashed")).toHaveLength(1);
    expect(receipts()).toHaveLength(1);
  });

  it("slashes a clone when its first evidence comes, before it has signed anything", async () => {
    const { give } = await withRegistry();
    const p = pack(10);
    await give(p, "batch", p.batch(0));
    const clone = new TestPack("pack", AUTHORITY, "second");
    await give(p, "epoch", clone.evidence);
    expect(nameIn(await test.store.ended())).toEqual([p.name]);
    expect(await test.registry.evidence(p.document.lct)).toMatchObject([
      { kind: "epoch", payload: clone.evidence },
    ]);
  });

  it("slashes a clone that offers another body for an epoch that has yet to begin", async () => {
    const { give } = await withRegistry();
    const p = pack(10);
    await give(p, "batch", p.batch(0));
    const [a, b] = ["one", "two"].map((seed) => {
      const machine = new TestPack("pack", AUTHORITY, seed);
      machine.beginEpoch(9);
      return machine.evidence;
    });
    await give(p, "epoch", a!);
    expect(await test.store.ended()).toEqual([]);
    await give(p, "epoch", a!);
    expect(await test.store.ended()).toEqual([]);
    await give(p, "epoch", b!);
    expect(nameIn(await test.store.ended())).toEqual([p.name]);
  });

  it("slashes a clone that began an epoch of its own while the other ran on", async () => {
    const { give } = await withRegistry();
    const p = pack(6);
    const clone = pack(6);
    p.work(10);
    await give(p, "batch", p.batch(0));
    clone.beginEpoch();
    clone.work(5, 1);
    // Signed by the anchor's next epoch, at a size that the stored log has with another root.
    await give(p, "batch", clone.batch(6));
    expect(nameIn(await test.store.ended())).toEqual([p.name]);
    expect(await test.registry.evidence(p.document.lct)).toMatchObject([{ kind: "checkpoint" }]);
  });

  it("slashes nobody for what nobody signed", async () => {
    const { give, worker } = await withRegistry();
    const p = pack(10);
    await give(p, "batch", p.batch(0));
    const stranger = new TestPack("stranger");
    stranger.beginEpoch(9);
    const [text] = pack(10).note().split("\n\n");
    const signature = stranger.note().split("\n\n")[1];
    for (const [channel, payload] of [
      ["epoch", stranger.evidence],
      ["epoch", p.evidence.map((byte, i) => (i === p.evidence.length - 1 ? byte ^ 1 : byte))],
      ["head", utf8(`${text?.replace("\n10\n", "\n9\n")}\n\n${signature}`)],
      ["batch", p.batch(0, 10, { leaves: [...p.leaves.slice(0, 9), p.leaves[0]!] })],
      ["batch", stranger.batch(0)],
      ["batch", utf8("junk")],
    ] as const) {
      await give(p, channel, payload);
    }
    expect(await test.store.ended()).toEqual([]);
    expect(worker.stats.refused["fork"]).toBeUndefined();
    p.work(2);
    await give(p, "batch", p.batch(10));
    expect(worker.stats.latest.get(p.name)?.size).toBe(12);
  });

  it("goes on where the registry's disk fails, and slashes when the proof comes again", async () => {
    const { give, errors } = await withRegistry();
    const p = pack(10);
    const clone = new TestPack("pack", AUTHORITY, "second");
    await give(p, "batch", p.batch(0));
    await test.store.close();
    await give(p, "epoch", clone.evidence);
    expect(errors.map(({ event }) => event)).toEqual([
      "federation.fork",
      "federation.slash-failed",
    ]);
  });
});

describe("an epoch that nothing attests", () => {
  it("is witnessed all the same, and counted", async () => {
    const { give, worker, receipts } = await bench();
    const p = new TestPack("unattested", AUTHORITY, "first", "tpm-unmeasured");
    p.work(5);
    await give(p, "batch", p.batch(0));
    p.beginEpoch();
    await give(p, "batch", p.batch(7));
    const other = pack(10);
    await give(other, "batch", other.batch(0));
    expect(receipts()).toHaveLength(3);
    expect(worker.stats.refused).toEqual({});
    expect(worker.stats.epochs.get(p.name)).toEqual({ unattested: 2 });
    expect(worker.stats.epochs.get(other.name)).toEqual({ software: 1 });
  });
});

const nameIn = (ended: readonly { readonly lct: string }[]): PackName[] =>
  ended.map(({ lct }) => packName(lct.slice("lct:pack:".length)));
