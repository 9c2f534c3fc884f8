import { randomInt } from "node:crypto";
import { describe, it } from "vitest";
import { fuzzLink } from "../scripts/lib/fuzz-link.mjs";
import { expectReached, expectUsage } from "./support/fuzz-command.js";

const INPUTS = 200_000;
const seed = randomInt(2 ** 31);

describe("decoders that face the module bus", () => {
  it(`take ${INPUTS} random and damaged inputs with no other error than their own (seed ${seed})`, () => {
    expectReached(fuzzLink(INPUTS, seed), INPUTS);
  });
});

describe("npm run fuzz:link", () => {
  it("says how it is used, and refuses what it does not take, before it builds anything", () => {
    expectUsage("link");
  });
});
