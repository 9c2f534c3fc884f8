/** A pack that pruned what a federation lost says so, and the operator is told once. */
import { decodeResponse, encodeResponse, takeResponse } from "@wattseal/uplink";
import { describe, expect, it } from "vitest";
import type { TestPack } from "../fleet.fixture.js";
import { bench, pack } from "./bench.fixture.js";

/** What a gateway whose log begins at `first` answers to request `id`. */
function answer(p: TestPack, id: number, first: number): Uint8Array {
  const checkpoint = { size: p.size, note: p.note(), bytes: 0 };
  return encodeResponse(takeResponse(p.source, { kind: "response", id, from: first, checkpoint }));
}

const told = ({ errors }: Awaited<ReturnType<typeof bench>>) =>
  errors.filter(({ event }) => event === "federation.pack-gap").map(({ fields }) => fields);

describe("entries that a pack has no more", () => {
  it("are named where the store has nothing of it, as anybody's word: under no key that is known yet", async () => {
    const at = await bench();
    const p = pack(600);
    await at.give(p, "batch", p.batch(512));
    await at.clock.advance(6000);
    expect(at.requests()).toEqual([0]);
    const gap = { from: 0, to: 256, verified: false };
    for (let again = 0; again < 2; again += 1) await at.give(p, "response", answer(p, 1, 256));
    expect(at.worker.stats.gaps.get(p.name)).toEqual(gap);
    expect(told(at)).toEqual([{ pack: p.name, ...gap }]);
  });

  it("are named where what is stored ends below them, until they come", async () => {
    const at = await bench();
    const p = pack(600);
    await at.give(p, "batch", p.batch(0, 100));
    await at.give(p, "batch", p.batch(512));
    await at.clock.advance(6000);
    expect(at.requests()).toEqual([100]);
    await at.give(p, "response", answer(p, 1, 256));
    expect(at.worker.stats.gaps.get(p.name)).toEqual({ from: 100, to: 256, verified: true });
    await at.give(p, "batch", p.batch(100));
    expect(at.worker.stats.gaps.size).toBe(0);
    expect(at.receipts().at(-1)?.size).toBe(600);
  });

  it("are none beyond the head of the answer, or with more digits than a statement takes", async () => {
    const at = await bench();
    const p = pack(600);
    await at.give(p, "batch", p.batch(512));
    await at.clock.advance(6000);
    for (const [prevSize, size] of [
      [601, 600],
      [10 ** 15, 2 ** 52],
    ] as const) {
      const response = decodeResponse(answer(p, 1, 256));
      const checkpoint = p.note(size, p.root());
      await at.give(p, "response", encodeResponse({ ...response, prevSize, checkpoint }));
    }
    expect(at.worker.stats.gaps.size).toBe(0);
  });

  it("are none where nobody asked for them", async () => {
    const at = await bench();
    const p = pack(600);
    await at.give(p, "batch", p.batch(0, 100));
    await at.give(p, "response", answer(p, 1, 256));
    expect(at.worker.stats.gaps.size).toBe(0);
    expect(told(at)).toEqual([]);
  });
});
