import { randomInt } from "node:crypto";
import { describe, expect, it } from "vitest";
import { fuzzLink } from "../scripts/lib/fuzz-link.mjs";

const INPUTS = 200_000;
const seed = randomInt(2 ** 31);

describe("decoders that face the module bus", () => {
  it(`take ${INPUTS} random and damaged inputs with no other error than their own (seed ${seed})`, () => {
    const tallies = fuzzLink(INPUTS, seed);
    const inputs = tallies.reduce((sum, tally) => sum + tally.inputs, 0);
    expect(inputs).toBeGreaterThanOrEqual(INPUTS);
    // Some get through each decoder, so that what is behind its first check is reached as well.
    for (const tally of tallies) expect(tally.refused).toBeLessThan(tally.inputs);
  });
});
