import { join } from "node:path";
import { parseArgs } from "node:util";
import { aead } from "./aead.mjs";
import { audit } from "./audit.mjs";
import { ledger } from "./ledger.mjs";
import { machineFacts } from "./lib/machine.mjs";
import { link } from "./link.mjs";
import { load } from "./load.mjs";
import { log } from "./log.mjs";
import { offline } from "./offline.mjs";
import { signer } from "./signer.mjs";
import { sim } from "./sim.mjs";
import { start } from "./start.mjs";
import { store } from "./store.mjs";
import { tpm } from "./tpm.mjs";
import { uplink } from "./uplink.mjs";

/**
 * @typedef {{ readonly sizes: readonly number[] }} Options entries of the logs that are measured by length
 * @typedef {(scratch: string, options: Options) => Promise<string>} Benchmark prints nothing; resolves with Markdown
 */

/** @type {Readonly<Record<string, Benchmark>>} */
const BENCHMARKS = {
  aead,
  link,
  sim,
  ledger,
  audit,
  log,
  start,
  tpm,
  signer,
  store,
  uplink,
  load,
  offline,
};

/**
 * Runs the named benchmarks, all of them by default, and writes Markdown to standard output.
 *
 * @param {readonly string[]} words names, and options as --sizes=100000,1000000
 * @param {string} cache directory for what they write; on the disk to be measured
 */
export async function bench(words, cache) {
  const { values, positionals: names } = parseArgs({
    args: [...words],
    options: { sizes: { type: "string", default: "100000,1000000" } },
    allowPositionals: true,
  });
  const sizes = parseSizes(values.sizes);
  const scratch = join(cache, "bench");
  const unknown = names.filter((name) => !Object.hasOwn(BENCHMARKS, name));
  if (unknown.length > 0) {
    throw new Error(
      `no benchmark ${unknown.join(", ")}; there are ${Object.keys(BENCHMARKS).join(", ")}`,
    );
  }
  process.stdout.write(`${machineFacts(scratch)}\n`);
  for (const [name, run] of Object.entries(BENCHMARKS)) {
    if (names.length > 0 && !names.includes(name)) continue;
    process.stdout.write(`${await run(scratch, { sizes })}\n`);
  }
}

/** @param {string} text */
function parseSizes(text) {
  const sizes = text.split(",").map(Number);
  if (sizes.every((size) => Number.isSafeInteger(size) && size >= 100_000 && size % 1_000 === 0)) {
    return sizes;
  }
  throw new Error(`--sizes=${text} is no list of thousands of entries, each 100000 or more`);
}
