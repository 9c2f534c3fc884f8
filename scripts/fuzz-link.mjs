// `npm run fuzz:link [-- inputs [seed]]`: random and damaged inputs for every decoder that faces the module bus.
import "./lib/require-node.mjs";
import { main } from "./lib/main.mjs";
import { prepare } from "./lib/prepare.mjs";
import { StepFailed } from "./lib/run.mjs";

const INPUTS = 10_000_000;
const USAGE = `npm run fuzz:link [-- inputs [seed]]
Throws random and damaged inputs at every decoder that faces the module bus, and fails on anything but a refusal.
  inputs  how many in all (default ${INPUTS})
  seed    to repeat a run; printed at its start (default: another one each time)
`;

await main(async () => {
  if (process.argv.slice(2).some((argument) => argument === "--help" || argument === "-h")) {
    process.stdout.write(USAGE);
    return;
  }
  const inputs = Number(process.argv[2] ?? INPUTS);
  const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31);
  if (!Number.isSafeInteger(inputs) || inputs < 1 || !Number.isSafeInteger(seed)) {
    throw new StepFailed(`give a number of inputs, and a seed\n${USAGE}`, 2);
  }
  await prepare({ project: "packages/wattseal" });
  const { fuzzLink } = await import("./lib/fuzz-link.mjs");
  process.stdout.write(`seed ${seed}\n`);
  const before = process.memoryUsage().heapUsed;
  const started = process.hrtime.bigint();
  let sum = 0;
  for (const { name, inputs: count, refused } of fuzzLink(inputs, seed)) {
    sum += count;
    process.stdout.write(`${name}: ${count} inputs, ${refused} refused by a DecodeError\n`);
  }
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  const grown = (process.memoryUsage().heapUsed - before) / 2 ** 20;
  process.stdout.write(
    `${sum} inputs in ${seconds.toFixed(0)} s, none with another error; heap grown by ${grown.toFixed(1)} MiB before collection\n`,
  );
});
