// What a series of kills is told: how many, and the seed of its choices.
import { StepFailed } from "../run.mjs";

/**
 * Undefined where help was asked for, and given.
 *
 * @param {readonly string[]} words `[kills [seed]]`
 * @param {{ readonly usage: string, readonly kills: number }} defaults
 * @returns {{ readonly kills: number, readonly seed: number } | undefined}
 */
export function killArguments(words, { usage, kills: most }) {
  if (words.some((word) => word === "--help" || word === "-h")) {
    process.stdout.write(usage);
    return undefined;
  }
  const kills = Number(words[0] ?? most);
  const seed = Number(words[1] ?? Date.now() % 2 ** 31);
  if (!Number.isSafeInteger(kills) || kills < 1 || !Number.isSafeInteger(seed)) {
    throw new StepFailed(`give a number of kills, and a seed\n${usage}`, 2);
  }
  process.stdout.write(`seed ${seed}\n`);
  return { kills, seed };
}
