import { randomInt } from "node:crypto";
import { expect, it } from "vitest";
import { episode } from "../scripts/lib/kill-ledger/episode.mjs";

const KILLS = 50;
const seed = randomInt(2 ** 31);

it(`a ledger killed ${KILLS} times at random points keeps what it acknowledged, once, and always starts (seed ${seed})`, {
  timeout: 600_000,
}, async () => {
  const { kills, acknowledged, heads } = await episode(KILLS, seed);
  // a killed backup takes the writer beside it along, which counts too
  expect(Object.values(kills).reduce((a, b) => a + b)).toBeGreaterThanOrEqual(KILLS);
  expect(acknowledged).toBeGreaterThan(KILLS);
  expect(heads).toBeGreaterThan(KILLS / 2);
});
