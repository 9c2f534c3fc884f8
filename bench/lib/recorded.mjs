// Packs' logs as batches, signed as a gateway signs them: what a federation's worker is given.

import { millis } from "@wattseal/base";
import { encodeEntry } from "@wattseal/energy-ledger";
import { Ed25519SecretKey, issueLctDocument, P256SecretKey } from "@wattseal/lct-keys";
import {
  encodeEpochBody,
  encodeEpochEvidence,
  epochSignedBytes,
  verifyLctDocument,
} from "@wattseal/lct-keys/verify";
import { Frontier, leafHash, signCheckpoint } from "@wattseal/tlog";
import { encodeBatch, packName } from "@wattseal/uplink";
import { LogReplay } from "@wattseal/verifier";
import { entropy, minuteOfIntervals, openingEntries } from "./pack.mjs";

const START = 1_760_000_040_000;

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
  const anchor = P256SecretKey.generate(entropy);
  const key = Ed25519SecretKey.generate(entropy);
  const sign1 = issueLctDocument(authority, {
    kind: "pack",
    class: "responsive",
    anchor: { type: "p256", publicKey: anchor.publicKey },
    binding: "software",
    strengthBps: 4_000,
    context: ["recorded"],
    created: millis(START),
    witnesses: [],
    mrh: [],
  });
  const document = verifyLctDocument(sign1, [authority.publicKey]);
  const replay = new LogReplay({ authorities: [{ publicKey: authority.publicKey }] });
  /** @type {Uint8Array[]} */
  const leaves = [];
  /** @param {import("@wattseal/energy-ledger").Entry} entry */
  const write = (entry) => {
    const leaf = encodeEntry(entry);
    replay.append(leaf);
    leaves.push(leaf);
  };
  write({ type: "lct.document", timeMs: millis(START), body: { sign1 } });
  const bodyBytes = encodeEpochBody({
    lct: document.lct,
    epoch: 1,
    publicKey: key.publicKey,
    softwareVersion: "recorded",
    treeSize: 1,
    treeRoot: leafHash(leaves[0] ?? new Uint8Array(0)),
    time: millis(START),
    synchronised: true,
  });
  const evidence = encodeEpochEvidence({
    bodyBytes,
    signature: anchor.sign(epochSignedBytes(bodyBytes)),
    quote: undefined,
    nvCertify: undefined,
  });
  write({ type: "epoch.begin", timeMs: millis(START), body: { evidence } });
  for (const entry of openingEntries({ authority, document }, number)) write(entry);
  for (let minute = 0; leaves.length < entries; minute += 1) {
    for (const entry of minuteOfIntervals(minute, number)) write(entry);
    const timeMs = replay.fold.time;
    write({ type: "energy.window", timeMs, body: replay.fold.nextWindow(timeMs) });
    const charge = replay.fold.society.chargeFor(timeMs, "charger-1");
    if (charge !== undefined) write({ type: "society.charge", timeMs, body: charge });
  }
  const signer = { name: document.origin, publicKey: key.publicKey, sign: key.sign.bind(key) };
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
