// What the fuzz commands share: how many inputs, from which seed, and what came of them.
import { main } from "../main.mjs";
import { prepare } from "../prepare.mjs";
import { StepFailed } from "../run.mjs";

const INPUTS = 10_000_000;

/** @typedef {{ name: string, inputs: number, refused: number }} Tally */

/**
 * @param {object} command
 * @param {string} command.name of the npm script
 * @param {string} command.what it does, for its usage
 * @param {() => Promise<(inputs: number, seed: number) => readonly Tally[] | Promise<readonly Tally[]>>} command.load after the build
 */
export async function fuzzCommand({ name, what, load }) {
  const usage = `npm run ${name} [-- inputs [seed]]
${what}
  inputs  how many in all (default ${INPUTS})
  seed    to repeat a run; printed at its start (default: another one each time)
`;
  await main(async () => {
    if (process.argv.slice(2).some((argument) => argument === "--help" || argument === "-h")) {
      process.stdout.write(usage);
      return;
    }
    const inputs = Number(process.argv[2] ?? INPUTS);
    const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31);
    if (!Number.isSafeInteger(inputs) || inputs < 1 || !Number.isSafeInteger(seed)) {
      throw new StepFailed(`give a number of inputs, and a seed\n${usage}`, 2);
    }
    await prepare({ project: "packages/wattseal" });
    const fuzz = await load();
    process.stdout.write(`seed ${seed}\n`);
    const before = process.memoryUsage().heapUsed;
    Error.stackTraceLimit = 0; // they cost more than what they tell of: an input can be had again by its seed
    const started = process.hrtime.bigint();
    let sum = 0;
    for (const tally of await fuzz(inputs, seed)) {
      sum += tally.inputs;
      process.stdout.write(`${tally.name}: ${tally.inputs} inputs, ${tally.refused} refused\n`);
    }
    const seconds = Number(process.hrtime.bigint() - started) / 1e9;
    const grown = (process.memoryUsage().heapUsed - before) / 2 ** 20;
    process.stdout.write(
      `${sum} inputs in ${seconds.toFixed(0)} s, none with another error; heap grown by ${grown.toFixed(1)} MiB before collection\n`,
    );
  });
}
