// `npm run bench -- [name …]`: the figures of docs/benchmarks.md, as Markdown on standard output.
import "./lib/require-node.mjs";
import { main } from "./lib/main.mjs";
import { cache, prepare } from "./lib/prepare.mjs";

await main(async () => {
  await prepare({ project: "packages/wattseal" });
  await prepare({ project: "packages/tpm2" });
  const { bench } = await import("../bench/main.mjs");
  await bench(process.argv.slice(2), cache);
});
