import { fromUtf8, sha256, utf8 } from "@wattseal/base";
import { type NoteSigner, signCheckpoint } from "@wattseal/tlog";
import { encodeBatch, type PackName, packName } from "@wattseal/uplink";
import { describe, expect, it } from "vitest";
import { AUTHORITY, TestClock, TestPack, WITNESS } from "../fleet.fixture.js";
import { MemoryStore } from "../store/memory.fixture.js";
import { bench, pack } from "./bench.fixture.js";
import type { IngestChannel } from "./ports.js";
import type { FederationWorker } from "./worker.js";

/** Whoever can publish under any name, and has no pack's key. */
function junkName(i: number): PackName {
  const digits = "abcdefghijklmnopqrstuvwxyz234567";
  const bytes = sha256(utf8(`junk ${i}`));
  return packName([...bytes].map((byte) => digits[byte % 32]).join(""));
}

function signerOf(name: PackName): NoteSigner {
  return { ...WITNESS, name: `wattseal/${name}` };
}

function head(name: PackName, size: number): Uint8Array {
  return utf8(signCheckpoint({ size, root: new Uint8Array(32) }, signerOf(name)));
}

function batch(name: PackName, prevSize: number): Uint8Array {
  const checkpoint = fromUtf8(head(name, prevSize + 1));
  const origin = `wattseal/${name}`;
  return encodeBatch({ origin, prevSize, leaves: [Uint8Array.of(1)], checkpoint });
}

function publish(
  worker: FederationWorker,
  name: PackName,
  channel: IngestChannel,
  payload: Uint8Array,
): { settled: boolean } {
  const message = { settled: false };
  const settle = () => {
    message.settled = true;
  };
  worker.deliver({ pack: name, channel, payload, settle });
  return message;
}

describe("what nobody's key has signed", () => {
  it("is acknowledged within its round, batches ahead of a log too: no broker's window fills up", async () => {
    const { worker, clock, give, settled } = await bench();
    const p = pack(10);
    await give(p, "batch", p.batch(0));
    const names = [junkName(1), junkName(2), p.name];
    const messages = names.flatMap((name) =>
      Array.from({ length: 16 }, (_, i) => publish(worker, name, "batch", batch(name, 20 + i))),
    );
    await clock.advance(20);
    expect(messages.every((message) => message.settled)).toBe(true);
    expect(worker.stats.refused).toEqual({ signature: 16 });
    await give(p, "state", utf8("online"));
    expect(settled).toHaveLength(2);
  });

  it("makes no pack be asked for ever: a head of a pack that is stored is refused, a stranger asked once", async () => {
    const { worker, clock, give, requests } = await bench();
    const p = pack(10);
    await give(p, "batch", p.batch(0));
    publish(worker, p.name, "head", head(p.name, 9e14));
    publish(worker, junkName(1), "head", head(junkName(1), 9e14));
    await clock.advance(6 * 3_600_000);
    expect(requests()).toEqual([0]);
    expect(worker.stats.refused).toEqual({ signature: 1 });
  });

  it("blinds the federation to no pack that is really behind, known or new", async () => {
    const { worker, clock, give, sent } = await bench();
    const p = pack(40);
    await give(p, "batch", p.batch(0, 10));
    const spray = (from: number) => {
      for (let i = from; i < from + 5000; i += 1) {
        const name = junkName(i);
        publish(worker, name, "head", head(name, 9e14));
        publish(worker, name, "epoch", utf8(`junk ${i}`));
      }
    };
    const late = pack(700, "late");
    spray(0);
    await give(p, "head", utf8(p.note()));
    await give(late, "head", utf8(late.note()));
    spray(5000);
    await clock.advance(6000);
    const askedOf = (name: PackName) =>
      sent.filter((m) => m.pack === name && m.channel === "request");
    expect(askedOf(p.name)).toHaveLength(1);
    expect(askedOf(late.name)).toHaveLength(1);
    expect(sent.length).toBeLessThanOrEqual(10_003); // no more than came in
    await give(late, "epoch", late.evidence);
    await give(late, "response", late.response(0));
    expect(worker.stats.latest.get(late.name)?.size).toBe(256);
  }, 120_000);

  it("neither loads nor displaces a log", async () => {
    const store = new MemoryStore();
    const packs = ["a", "b", "c"].map((seed) => pack(30, seed));
    const { worker, clock, give } = await bench(store, new TestClock(), { maxPacks: 2 });
    for (const p of packs) await give(p, "batch", p.batch(0, 20));
    const reads = { count: 0 };
    const leaves = store.leaves.bind(store);
    store.leaves = (...args) => {
      reads.count += 1;
      return leaves(...args);
    };
    for (let i = 0; i < 50; i += 1) {
      publish(worker, junkName(i), "head", head(junkName(i), 5));
      publish(worker, junkName(i), "batch", batch(junkName(i), 0));
      for (const { name } of packs) {
        publish(worker, name, "head", head(name, 25));
        publish(worker, name, "batch", batch(name, 20));
        publish(worker, name, "batch", batch(name, 23));
      }
    }
    const [a, b, c] = packs;
    await give(a!, "head", utf8(a!.note())); // signed: still no reason to load it
    await give(a!, "head", utf8(a!.note(20)));
    await clock.advance(1000);
    expect(reads.count).toBe(0);
    for (const p of [b!, c!]) await give(p, "batch", p.batch(20));
    expect(reads.count).toBe(0);
    await give(a!, "batch", a!.batch(20)); // the one that was not in memory
    expect(reads.count).toBeGreaterThan(0);
    expect([...worker.stats.latest.values()].map(({ size }) => size)).toEqual([30, 30, 30]);
  });

  it("takes no other evidence's place", async () => {
    const { worker, give, clock } = await bench();
    const p = pack(10);
    await give(p, "batch", p.batch(0));
    p.work(300);
    p.beginEpoch();
    p.work(5);
    await give(p, "epoch", p.evidence);
    const other = new TestPack("other");
    other.beginEpoch(9);
    await give(p, "epoch", other.evidence);
    const clone = new TestPack("pack", AUTHORITY, "second");
    await give(p, "epoch", clone.evidence); // of a counter that the log has: a clone
    for (let i = 0; i < 300; i += 1) publish(worker, junkName(i), "epoch", utf8(`junk ${i}`));
    await clock.advance(100);
    await give(p, "response", p.response(10));
    expect(worker.stats.latest.get(p.name)?.size).toBe(266);
    expect(worker.stats.refused).toEqual({ epoch: 1, fork: 1 });
  });
});

describe("a fault of ours", () => {
  it("in judging: the message is parked with an alarm, and nobody waits for it", async () => {
    const store = new MemoryStore();
    const { give, errors, receipts, settled, worker } = await bench(store);
    const [p, q] = [pack(20), pack(10, "q")];
    await give(p, "batch", p.batch(0, 10));
    store.head = async () => null as unknown as Uint8Array; // a type that cannot be: judging trips over it
    const message = utf8(p.note(9));
    await give(p, "head", message);
    await give(q, "batch", q.batch(0));
    await give(p, "batch", p.batch(10));
    expect(errors.map(({ event }) => event)).toEqual(["federation.internal"]);
    expect(errors[0]?.fields).toMatchObject({ pack: p.name, reason: "internal" });
    expect(await store.parked()).toMatchObject([{ reason: "internal", payload: message }]);
    expect(worker.stats.refused).toEqual({ internal: 1 });
    expect(settled).toHaveLength(4);
    expect(receipts().map(({ size }) => size)).toEqual([10, 10, 20]);
  });

  it("in signing one receipt: that pack sends again, the others of its group have theirs", async () => {
    const fault = { of: "" };
    const witness: NoteSigner = {
      ...WITNESS,
      sign: (bytes) => {
        if (fromUtf8(bytes).includes(fault.of)) throw new Error("key is busy");
        return WITNESS.sign(bytes);
      },
    };
    const { give, deliver, errors, receipts, settled, clock } = await bench(undefined, undefined, {
      witness,
    });
    const [p, q] = [pack(20), pack(10, "q")];
    fault.of = p.name;
    deliver(p, "batch", p.batch(0));
    await give(q, "batch", q.batch(0));
    expect(receipts().map(({ size }) => size)).toEqual([10]);
    expect(settled).toHaveLength(2);
    expect(errors.map(({ event }) => event)).toEqual(["federation.internal"]);
    fault.of = "nobody";
    await clock.advance(60_000);
    await give(p, "batch", p.batch(0));
    expect(receipts().map(({ size }) => size)).toEqual([10, 20]);
  });

  it("is not what a store's is: that is tried again", async () => {
    const store = new MemoryStore();
    const { give, errors, receipts, settled, clock } = await bench(store);
    const p = pack(20);
    await give(p, "batch", p.batch(0, 10));
    const head = store.head.bind(store);
    store.head = async () => {
      throw new Error("disk failed");
    };
    await give(p, "head", utf8(p.note(10)));
    await give(p, "batch", p.batch(10));
    expect(settled).toHaveLength(1);
    expect(errors.map(({ event }) => event)).toEqual(["federation.store-failed"]);
    store.head = head;
    await clock.advance(1000);
    expect(settled).toHaveLength(3);
    expect(receipts().map(({ size }) => size)).toEqual([10, 20]);
  });
});
