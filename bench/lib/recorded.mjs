// Packs' logs as batches, signed as a gateway signs them: what a federation's worker is given.

import { Ed25519SecretKey } from "@wattseal/lct-keys";
import { Frontier, leafHash, signCheckpoint } from "@wattseal/tlog";
import { encodeBatch, packName } from "@wattseal/uplink";
import { OwnLog } from "./own-log.mjs";
import { entropy } from "./pack.mjs";

export const authority = Ed25519SecretKey.generate(entropy);
const witnessKey = Ed25519SecretKey.generate(entropy);
/** @type {import("@wattseal/tlog").NoteSigner} */
export const witness = {
  name: "wattseal-federation/recorded",
  publicKey: witnessKey.publicKey,
  sign: (message) => witnessKey.sign(message),
};

const logKey = Ed25519SecretKey.generate(entropy);
/** @type {import("@wattseal/tlog").NoteSigner} */
export const receiptLog = {
  name: `${witness.name}/receipts`,
  publicKey: logKey.publicKey,
  sign: (message) => logKey.sign(message),
};

/**
 * @typedef {object} Recorded
 * @property {import("@wattseal/uplink").PackName} name
 * @property {readonly Uint8Array[]} leaves
 * @property {readonly { readonly size: number, readonly payload: Uint8Array }[]} batches in order; `size`: of the log after it
 */

/**
 * A log of at least `entries` in batches of `perBatch`, with a minute of eight modules after the other.
 *
 * @param {number} number tells packs and their modules apart
 * @param {{ readonly entries: number, readonly perBatch: number }} shape
 * @returns {Recorded}
 */
export function recordPack(number, { entries, perBatch }) {
  const log = new OwnLog({ entropy, authority, purpose: "recorded", number });
  for (let minute = 0; log.size < entries; minute += 1) {
    log.meter(minute);
    const { society, time } = log.replay.fold;
    const charge = society.chargeFor(time, "charger-1");
    if (charge !== undefined) log.write({ type: "society.charge", timeMs: time, body: charge });
  }
  const { document, leaves, signer } = log;
  return { name: packName(document.label), leaves, batches: batchesOf(leaves, perBatch, signer) };
}

/**
 * @param {readonly Uint8Array[]} leaves
 * @param {number} perBatch
 * @param {import("@wattseal/tlog").NoteSigner} signer
 */
function batchesOf(leaves, perBatch, signer) {
  const frontier = new Frontier();
  const batches = [];
  for (let from = 0; from < leaves.length; from += perBatch) {
    const part = leaves.slice(from, from + perBatch);
    for (const leaf of part) frontier.append(leafHash(leaf));
    const { size } = frontier;
    const checkpoint = signCheckpoint({ size, root: frontier.root() }, signer);
    const payload = encodeBatch({ origin: signer.name, prevSize: from, leaves: part, checkpoint });
    batches.push({ size, payload });
  }
  return batches;
}
