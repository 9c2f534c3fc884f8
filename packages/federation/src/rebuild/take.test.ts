/** A store that was lost is filled from copies as it would be from the packs: whole, verified, and receipted. */
import { type Clock, millis, utf8 } from "@wattseal/base";
import { describe, expect, it } from "vitest";
import { AUTHORITY, START, type TestPack, WITNESS } from "../fleet.fixture.js";
import { MemoryStore } from "../store/memory.fixture.js";
import { readStoredLog } from "../store/port.js";
import { pack } from "../worker/bench.fixture.js";
import { takeLog } from "./take.js";

/** Nothing waits here for longer than a turn. */
const clock: Clock = {
  now: () => START,
  at: (time, task) => {
    if (time > millis(START + 1000)) return () => {};
    const turn = setImmediate(task);
    return () => clearImmediate(turn);
  },
};

function storeToFill() {
  const store = new MemoryStore();
  const take = (
    of: TestPack,
    size = of.size,
    firstEntry = 0,
    log: TestPack["source"] = of.source,
  ) =>
    takeLog(
      { store, witness: WITNESS, authorityKeys: [AUTHORITY.publicKey], clock },
      { pack: of.name, firstEntry, log, note: of.note(size) },
    );
  const stored = async (of: TestPack) => {
    const leaves: Uint8Array[] = [];
    for await (const leaf of readStoredLog(store, of.name)) leaves.push(leaf);
    return leaves;
  };
  return { store, take, stored };
}

describe("a copy of a log", () => {
  it("fills an empty store, over several epochs, and is receipted to its head", async () => {
    const { store, take, stored } = storeToFill();
    const p = pack(300);
    p.beginEpoch();
    p.work(700);
    const { name, size } = p;
    expect(await take(p)).toEqual({ pack: name, from: 0, to: size, size, refused: undefined });
    expect(await stored(p)).toEqual(p.leaves);
    expect((await store.pack(name))?.receipt?.size).toBe(size);
  });

  it("brings what is stored of its log as far as it reaches itself, and takes nothing back", async () => {
    const { take, stored } = storeToFill();
    const p = pack(700);
    expect(await take(p, 400)).toMatchObject({ from: 0, to: 400 });
    expect(await take(p, 700)).toMatchObject({ from: 400, to: 700, refused: undefined });
    expect(await take(p, 400)).toMatchObject({ from: 700, to: 700, refused: undefined });
    expect(await stored(p)).toEqual(p.leaves);
  });

  it("that was pruned brings nothing where what is below it is not stored", async () => {
    const { take, stored } = storeToFill();
    const p = pack(700);
    expect(await take(p, 700, 256)).toMatchObject({ from: 0, to: 0, refused: "pruned" });
    await take(p, 300);
    expect(await take(p, 700, 256)).toMatchObject({ from: 300, to: 700, refused: undefined });
    expect(await stored(p)).toEqual(p.leaves);
  });

  it("is taken only as far as it is what its pack signed", async () => {
    const { take, stored } = storeToFill();
    const p = pack(700);
    const leaves = p.leaves.slice();
    leaves[600] = utf8("another");
    const altered = { ...p.source, entry: (i: number) => leaves[i]! };
    const { to, refused } = await take(p, 700, 0, altered);
    expect(to).toBeLessThanOrEqual(600);
    expect(refused).toBeDefined();
    expect(await stored(p)).toEqual(p.leaves.slice(0, to));
    expect(await take(p)).toMatchObject({ from: to, to: 700, refused: undefined });
  });

  it("of another authority's pack is refused", async () => {
    const { take, store } = storeToFill();
    const stranger = pack(20, "stranger");
    const foreign = takeLog(
      { store, witness: WITNESS, authorityKeys: [new Uint8Array(32).fill(7)], clock },
      { pack: stranger.name, firstEntry: 0, log: stranger.source, note: stranger.note() },
    );
    expect(await foreign).toMatchObject({ to: 0, refused: "untrusted" });
    expect(await take(stranger)).toMatchObject({ to: 20 });
  });
});
