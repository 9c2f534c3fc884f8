import { type LogFields, silentLogger, utf8 } from "@wattseal/base";
import { Ed25519SecretKey } from "@wattseal/lct-keys";
import type { PackName } from "@wattseal/uplink";
import { describe, expect, it } from "vitest";
import { AUTHORITY, seededEntropy, TestClock, TestPack } from "../fleet.fixture.js";
import { MemoryStore } from "../store/memory.fixture.js";
import type { ForkEvidence } from "../store/port.js";
import { bench, pack } from "../worker/bench.fixture.js";
import { KeptForks } from "./kept-forks.js";

/** A registry beside the store that a worker without the key writes, or somebody else. */
async function beside(store = new MemoryStore(), authorityKeys = [AUTHORITY.publicKey]) {
  const { give } = await bench(store, new TestClock(), { authorityKeys });
  const slashed: PackName[] = [];
  const unproven: (LogFields | undefined)[] = [];
  const forks = new KeptForks({
    standing: {
      finalState: (name) => (slashed.includes(name) ? "slashed" : undefined),
      statement: async () => undefined,
      slash: async (fork, { label }) => {
        expect(label).toBe(fork.pack);
        slashed.push(fork.pack);
      },
    },
    logs: store,
    authorityKeys: [AUTHORITY.publicKey],
    logger: {
      ...silentLogger,
      error: (event, fields) => {
        expect(event).toBe("registry.fork-unproven");
        unproven.push(fields);
      },
    },
  });
  const p = pack(10);
  await give(p, "batch", p.batch(0));
  const write = (fork: Partial<ForkEvidence> & Pick<ForkEvidence, "payload">) =>
    store.keepFork({ pack: p.name, kind: "checkpoint", size: 10, receipt: "", ...fork });
  return { give, store, forks, slashed, unproven, p, write };
}

/** Somebody who began, with the pack's anchor, the pack's next epoch after six entries. */
function laterClone() {
  const clone = pack(6);
  clone.beginEpoch();
  clone.work(3, 1);
  return clone;
}

describe("a fork that a worker without the key has kept ends the LCT", () => {
  type Give = (channel: "batch" | "epoch" | "head", payload: Uint8Array) => Promise<void>;
  const cases: Record<string, (give: Give) => Promise<void>> = {
    "another root in a batch": async (give) => {
      const twin = pack(8);
      twin.work(2, 1);
      await give("batch", twin.batch(8));
    },
    "another root in a head of a size that none had": async (give) => {
      const twin = pack(6);
      twin.work(1, 1);
      await give("head", utf8(twin.note()));
    },
    "another body for an epoch of the log, in a batch": async (give) => {
      const clone = new TestPack("pack", AUTHORITY, "second");
      clone.work(8);
      await give("batch", clone.batch(0));
    },
    "another body for an epoch of the log, offered": (give) =>
      give("epoch", new TestPack("pack", AUTHORITY, "second").evidence),
    "two bodies for an epoch that has yet to begin": async (give) => {
      for (const seed of ["one", "two"]) {
        const machine = new TestPack("pack", AUTHORITY, seed);
        machine.beginEpoch(9);
        await give("epoch", machine.evidence);
      }
    },
    "another root under a later epoch, which the batch begins": (give) =>
      give("batch", laterClone().batch(6)),
    "another root under a later epoch that was offered": async (give) => {
      const clone = laterClone();
      await give("epoch", clone.evidence);
      await give("head", utf8(clone.note()));
    },
  };
  for (const [what, show] of Object.entries(cases)) {
    it(what, async () => {
      const { give, forks, slashed, unproven, p } = await beside();
      await show((channel, payload) => give(p, channel, payload));
      await forks.judge();
      await forks.judge();
      expect(slashed).toEqual([p.name]);
      expect(unproven).toEqual([]);
    });
  }

  it("also when the log has gone on under an epoch of its own", async () => {
    const { give, forks, slashed, p } = await beside();
    const clone = laterClone();
    await give(p, "epoch", clone.evidence);
    await give(p, "head", utf8(clone.note()));
    p.beginEpoch();
    p.work(2);
    await give(p, "batch", p.batch(10));
    await forks.judge();
    expect(slashed).toEqual([p.name]);
  });

  it("once the receipt covers it", async () => {
    const { give, forks, slashed, unproven, p, write } = await beside();
    const twin = pack(10);
    twin.work(2, 1);
    p.work(2);
    await write({ size: 12, payload: utf8(twin.note()) });
    await forks.judge();
    expect([slashed, unproven]).toEqual([[], []]);
    await give(p, "batch", p.batch(10));
    await forks.judge();
    expect(slashed).toEqual([p.name]);
  });
});

describe("what was written into the store ends no LCT, is told once and left alone", () => {
  const [text] = pack(10).note().split("\n\n");
  const stranger = new TestPack("stranger");
  const forged = stranger.note(2).split("\n\n")[1];
  const cases: Record<string, (p: TestPack) => Partial<ForkEvidence> & { payload: Uint8Array }> = {
    junk: () => ({ payload: utf8("junk") }),
    "junk of an epoch": () => ({ kind: "epoch", size: 1, payload: utf8("junk") }),
    "the log's own batch": (p) => ({ payload: p.batch(0) }),
    "the log's own old head": (p) => ({ size: 7, payload: utf8(p.note(7)) }),
    "the log's own epoch": (p) => ({ kind: "epoch", size: 1, payload: p.evidence }),
    "its own epoch under another entry": (p) => ({ kind: "epoch", size: 4, payload: p.evidence }),
    "a head of another size": (p) => ({ size: 6, payload: utf8(p.note(7)) }),
    "a root that somebody else signed": () => ({
      size: 9,
      payload: utf8(`${text?.replace("\n10\n", "\n9\n")}\n\n${forged}`),
    }),
    "another pack's head": () => ({ size: 2, payload: utf8(stranger.note(2)) }),
    "another pack's epoch": () => ({ kind: "epoch", size: 1, payload: stranger.evidence }),
  };
  for (const [what, written] of Object.entries(cases)) {
    it(what, async () => {
      const { forks, slashed, unproven, p, write } = await beside();
      await write(written(p));
      await forks.judge();
      await forks.judge();
      expect(slashed).toEqual([]);
      expect(unproven).toHaveLength(1);
    });
  }

  it("leaves and heads that were changed under what the pack did sign", async () => {
    class Changed extends MemoryStore {
      changes = false;
      override async leaves(name: PackName, from: number, limit: number) {
        const leaves = await super.leaves(name, from, limit);
        const other = pack(10).leaves[9]!;
        return leaves.map((leaf, i) => (this.changes && from + i === 4 ? other : leaf));
      }
      override async head(name: PackName, size: number) {
        return this.changes ? new Uint8Array(32) : super.head(name, size);
      }
    }
    const store = new Changed();
    const { forks, slashed, unproven, p, write } = await beside(store);
    store.changes = true;
    await write({ payload: utf8(p.note()) });
    await write({ size: 7, payload: utf8(p.note(7)) });
    await forks.judge();
    expect(slashed).toEqual([]);
    expect(unproven).toHaveLength(2);
  });

  it("a whole log under an authority of its writer's, and judges the others all the same", async () => {
    const own = Ed25519SecretKey.generate(seededEntropy("writer"));
    const store = new MemoryStore();
    const { give, forks, slashed, unproven, p, write } = await beside(store, [
      AUTHORITY.publicKey,
      own.publicKey,
    ]);
    const invented = new TestPack("invented", own);
    await give(invented, "batch", invented.batch(0));
    const { evidence } = new TestPack("invented", own, "second");
    await write({ pack: invented.name, kind: "epoch", size: 1, payload: evidence });
    await give(p, "epoch", new TestPack("pack", AUTHORITY, "second").evidence);
    await forks.judge();
    expect(slashed).toEqual([p.name]);
    expect(unproven).toMatchObject([{ pack: invented.name }]);
  });

  it("beside a proof that holds", async () => {
    const { give, forks, slashed, p, write } = await beside();
    await write({ payload: utf8("junk") });
    await write({ kind: "epoch", size: 1, payload: utf8("junk of an epoch") });
    await give(p, "epoch", new TestPack("pack", AUTHORITY, "second").evidence);
    await forks.judge();
    expect(slashed).toEqual([p.name]);
  });
});
