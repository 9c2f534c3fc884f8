// Whatever a broker can bring to a federation or to a gateway's uplink, thrown at every decoder behind it and at a worker.
import { Ed25519SecretKey } from "@wattseal/lct-keys";
import { decoders, isRefusal } from "./fuzz/decoders.mjs";
import { FuzzPack } from "./fuzz/pack.mjs";
import { Random } from "./fuzz/random.mjs";
import { FuzzedWorker, GROUP } from "./fuzz/worker.mjs";

/** @typedef {{ name: string, inputs: number, refused: number }} Tally */

/** Of all inputs. A message to the worker costs as much as several to a decoder. */
const WORKER_SHARE = 0.1;
const MINUTES = 5;

/**
 * Feeds `inputs` inputs, shared out over the decoders and a worker; throws, with the seed, on anything but a refusal, or
 * where the worker's store or its judgement of what is true has suffered.
 *
 * @param {number} inputs
 * @param {number} seed
 * @returns {Promise<readonly Tally[]>}
 */
export async function fuzzFederation(inputs, seed) {
  const random = new Random(seed);
  const entropy = { bytes: (/** @type {number} */ length) => random.bytes(length) };
  const authority = Ed25519SecretKey.generate(entropy);
  const pack = new FuzzPack(entropy, authority, MINUTES);
  const stranger = new FuzzPack(entropy, authority, MINUTES);
  const targets = decoders(pack, entropy);
  const weights = targets.reduce((sum, { weight }) => sum + weight, 0);
  const tallies = targets.map(({ name, weight, once }, i) => {
    const own = new Random(seed + (i + 1) * 7919);
    const count = Math.ceil((inputs * (1 - WORKER_SHARE) * weight) / weights);
    let refused = 0;
    for (let n = 0; n < count; n += 1) {
      try {
        once(own);
      } catch (cause) {
        if (!isRefusal(cause)) {
          throw new Error(`${name}, seed ${seed}, input ${n}: ${cause}`, { cause });
        }
        refused += 1;
      }
    }
    return { name, inputs: count, refused };
  });
  const worker = await FuzzedWorker.open(entropy, authority, { pack, stranger });
  try {
    return [...tallies, await told(worker, Math.ceil(inputs * WORKER_SHARE), seed)];
  } finally {
    await worker.close();
  }
}

/**
 * @param {FuzzedWorker} worker
 * @param {number} inputs
 * @param {number} seed
 * @returns {Promise<Tally>}
 */
async function told(worker, inputs, seed) {
  const random = new Random(seed + 1);
  let refused = 0;
  for (let given = 0; given < inputs; given += GROUP) {
    try {
      refused += await worker.group(random, GROUP);
    } catch (cause) {
      throw new Error(`worker, seed ${seed}, inputs from ${given} on: ${cause}`, { cause });
    }
  }
  await worker.check();
  return { name: "messages to a worker", inputs: Math.ceil(inputs / GROUP) * GROUP, refused };
}
