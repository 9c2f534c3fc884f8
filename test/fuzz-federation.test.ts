import { randomInt } from "node:crypto";
import { describe, it } from "vitest";
import { fuzzFederation } from "../scripts/lib/fuzz-federation.mjs";
import { expectReached, expectUsage } from "./support/fuzz-command.js";

const INPUTS = 100_000;
const seed = randomInt(2 ** 31);

describe("what faces a broker", () => {
  it(`takes ${INPUTS} random and damaged inputs with no other error than a refusal (seed ${seed})`, {
    timeout: 400_000,
  }, async () => {
    expectReached(await fuzzFederation(INPUTS, seed), INPUTS);
  });
});

describe("npm run fuzz:federation", () => {
  it("says how it is used, and refuses what it does not take, before it builds anything", () => {
    expectUsage("federation");
  });
});
