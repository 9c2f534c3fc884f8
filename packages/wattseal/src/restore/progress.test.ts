import type { PackSummary } from "@wattseal/federation";
import { type PackName, packName } from "@wattseal/uplink";
import { expect, it } from "vitest";
import { Progress, type Seen } from "./progress.js";

const one = packName("a".repeat(32));
const other = packName("b".repeat(32));

function seen(sizes: readonly [PackName, number][], more: Partial<Seen> = {}): Seen {
  const latest = sizes.map(([pack, size]): [PackName, PackSummary] => [
    pack,
    { size, witnessed: size },
  ]);
  return { latest: new Map(latest), gaps: new Map(), behind: new Map(), ...more };
}

it("a pack that is heard for the first time is progress, and what it then adds to its log is none", () => {
  const progress = new Progress();
  expect(progress.look(seen([[one, 10]]))).toBe(true);
  expect(progress.look(seen([[one, 20]]))).toBe(false);
  expect(
    progress.look(
      seen([
        [one, 30],
        [other, 1],
      ]),
    ),
  ).toBe(true);
  expect(
    progress.look(
      seen([
        [one, 40],
        [other, 11],
      ]),
    ),
  ).toBe(false);
});

it("what fills up a pack that is behind is progress, up to what it had signed when it was found so", () => {
  const progress = new Progress();
  expect(progress.look(seen([[one, 10]], { behind: new Map([[one, 100]]) }))).toBe(true);
  expect(progress.look(seen([[one, 50]], { behind: new Map([[one, 110]]) }))).toBe(true);
  expect(progress.look(seen([[one, 50]], { behind: new Map([[one, 120]]) }))).toBe(false);
  expect(progress.look(seen([[one, 100]], { behind: new Map([[one, 130]]) }))).toBe(true);
  expect(progress.look(seen([[one, 130]]))).toBe(false);
  // a head that came before its batch, once the pack had caught up
  expect(progress.look(seen([[one, 130]], { behind: new Map([[one, 140]]) }))).toBe(false);
});

it("a pack that says what it has no more is progress", () => {
  const progress = new Progress();
  progress.look(seen([[one, 10]]));
  const gaps = new Map([[one, { from: 10, to: 20, verified: true }]]);
  expect(progress.look(seen([[one, 10]], { gaps }))).toBe(true);
  expect(progress.look(seen([[one, 10]], { gaps }))).toBe(false);
});
