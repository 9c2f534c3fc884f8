import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";

export interface FuzzTally {
  readonly inputs: number;
  readonly refused: number;
}

/** As many inputs as were asked for, and some through each decoder, so that what is behind its first check is reached as well. */
export function expectReached(tallies: readonly FuzzTally[], least: number): void {
  const inputs = tallies.reduce((sum, tally) => sum + tally.inputs, 0);
  expect(inputs).toBeGreaterThanOrEqual(least);
  for (const tally of tallies) expect(tally.refused).toBeLessThan(tally.inputs);
}

/** `npm run fuzz:<name>` says how it is used, and refuses what it does not take, before it builds anything. */
export function expectUsage(name: string): void {
  const script = fileURLToPath(new URL(`../../scripts/fuzz-${name}.mjs`, import.meta.url));
  const run = (...args: string[]) => spawnSync(process.execPath, [script, ...args]);
  const help = run("--help");
  expect([help.status, help.stdout.toString()]).toEqual([0, expect.stringMatching(/^npm run/)]);
  for (const wrong of ["many", "0", "--inputs"]) {
    const refused = run(wrong);
    expect(refused.status).toBe(2);
    expect(refused.stderr.toString()).toContain(`npm run fuzz:${name} [-- inputs [seed]]`);
  }
}
