import { FLEET, PRICES } from "./inputs.mjs";

/** Packs of a shard, as reckoned with. */
export const SHARD = 1_000;
const MONTHS = 12;
const SECONDS = 365 * 86_400;
const BATCHES = (SECONDS / 60) * FLEET.batches.value;
const GB = 1e9;

/**
 * What a pack takes in a year, in shards of `SHARD` packs, and what that costs at the assumed prices.
 *
 * @param {import("./inputs.mjs").Kind} kind
 */
export function costOf({ idle, silent, alone, broker, bytes }) {
  const batchMs = alone.value + broker.value;
  const standingMs = silent.value + idle.value / SHARD;
  const cpuSeconds = (BATCHES * batchMs + SECONDS * standingMs) / 1_000;
  const cores = cpuSeconds / SECONDS / PRICES.busy.value;
  const { batchBytes, noteBytes, wireBytes, receiptBytes, entries, packs } = FLEET;
  const storedGb = (BATCHES * entries.value * bytes.value) / GB;
  const upGb = (BATCHES * (batchBytes.value + noteBytes.value + wireBytes.value)) / GB;
  const downGb = (BATCHES * receiptBytes.value) / GB;
  return {
    cpuSeconds,
    /** A year's entries, once. */
    storedGb,
    upGb,
    downGb,
    cpuPrice: cores * PRICES.core.value * MONTHS,
    /** For a year, of one year's entries. */
    keepingPrice: storedGb * (PRICES.disk.value + PRICES.copy.value) * MONTHS,
    downPrice: downGb * PRICES.out.value,
    fleetCores: packs.value * cores,
    fleetPetabytes: (packs.value * storedGb) / 1e6,
  };
}
