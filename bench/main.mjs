import { join } from "node:path";
import { aead } from "./aead.mjs";
import { audit } from "./audit.mjs";
import { ledger } from "./ledger.mjs";
import { machineFacts } from "./lib/machine.mjs";
import { link } from "./link.mjs";
import { sim } from "./sim.mjs";

/** @typedef {(scratch: string) => Promise<string>} Benchmark prints nothing; resolves with Markdown */

/** @type {Readonly<Record<string, Benchmark>>} */
const BENCHMARKS = { aead, link, sim, ledger, audit };

/**
 * Runs the named benchmarks, all of them by default, and writes Markdown to standard output.
 *
 * @param {readonly string[]} names
 * @param {string} cache directory for what they write; on the disk to be measured
 */
export async function bench(names, cache) {
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
    process.stdout.write(`${await run(scratch)}\n`);
  }
}
