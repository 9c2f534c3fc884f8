import { spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { fuzzFederation } from "../scripts/lib/fuzz-federation.mjs";

const INPUTS = 100_000;
const seed = randomInt(2 ** 31);

describe("what faces a broker", () => {
  it(`takes ${INPUTS} random and damaged inputs with no other error than a refusal (seed ${seed})`, {
    timeout: 180_000,
  }, async () => {
    const tallies = await fuzzFederation(INPUTS, seed);
    const inputs = tallies.reduce((sum, tally) => sum + tally.inputs, 0);
    expect(inputs).toBeGreaterThanOrEqual(INPUTS);
    // Some get through each decoder, so that what is behind its first check is reached as well.
    for (const tally of tallies) expect(tally.refused).toBeLessThan(tally.inputs);
  });
});

describe("npm run fuzz:federation", () => {
  const script = fileURLToPath(new URL("../scripts/fuzz-federation.mjs", import.meta.url));
  const run = (...args: string[]) => spawnSync(process.execPath, [script, ...args]);

  it("says how it is used, and refuses what it does not take, before it builds anything", () => {
    const help = run("--help");
    expect([help.status, help.stdout.toString()]).toEqual([0, expect.stringMatching(/^npm run/)]);
    for (const wrong of ["many", "0", "--inputs"]) {
      const refused = run(wrong);
      expect(refused.status).toBe(2);
      expect(refused.stderr.toString()).toContain("npm run fuzz:federation [-- inputs [seed]]");
    }
  });
});
