/** A pack that pruned what a federation lost says so, and the operator is told once. */
import { encodeResponse, takeResponse } from "@wattseal/uplink";
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
  it("are named where the store has nothing of it", async () => {
    const at = await bench();
    const p = pack(600);
    await at.give(p, "batch", p.batch(512));
    await at.clock.advance(6000);
    expect(at.requests()).toEqual([0]);
    for (let again = 0; again < 2; again += 1) await at.give(p, "response", answer(p, 1, 256));
    expect(at.worker.stats.gaps.get(p.name)).toEqual({ from: 0, to: 256 });
    expect(told(at)).toEqual([{ pack: p.name, from: 0, to: 256 }]);
  });

  it("are named where what is stored ends below them, until they come", async () => {
    const at = await bench();
    const p = pack(600);
    await at.give(p, "batch", p.batch(0, 100));
    await at.give(p, "batch", p.batch(512));
    await at.clock.advance(6000);
    expect(at.requests()).toEqual([100]);
    await at.give(p, "response", answer(p, 1, 256));
    expect(at.worker.stats.gaps.get(p.name)).toEqual({ from: 100, to: 256 });
    await at.give(p, "batch", p.batch(100));
    expect(at.worker.stats.gaps.size).toBe(0);
    expect(at.receipts().at(-1)?.size).toBe(600);
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
