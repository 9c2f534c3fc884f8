// A pack's log from its document and first epoch on, with its keys at hand.
import { millis } from "@wattseal/base";
import { encodeEntry } from "@wattseal/energy-ledger";
import { Ed25519SecretKey, issueLctDocument, P256SecretKey } from "@wattseal/lct-keys";
import {
  encodeEpochBody,
  encodeEpochEvidence,
  epochSignedBytes,
  verifyLctDocument,
} from "@wattseal/lct-keys/verify";
import { Frontier, leafHash } from "@wattseal/tlog";
import { LogReplay } from "@wattseal/verifier";
import { minuteOfIntervals, openingEntries } from "./pack.mjs";

const START = 1_760_000_040_000;

/** Keys are from `entropy`; a P-256 signature differs at each run. */
export class OwnLog {
  /** @type {Uint8Array[]} */
  leaves = [];
  #purpose;
  #number;
  #anchor;
  /** Epoch 1's. */
  key;
  /** @type {Uint8Array[]} of the first leaf, the first two, … */
  #roots = [];
  #frontier = new Frontier();

  /**
   * @param {object} options
   * @param {import("@wattseal/base").Entropy} options.entropy
   * @param {Ed25519SecretKey} options.authority
   * @param {string} options.purpose in its document and its epochs
   * @param {number} [options.number] tells packs and their modules apart
   */
  constructor({ entropy, authority, purpose, number }) {
    this.#purpose = purpose;
    this.#number = number;
    this.#anchor = P256SecretKey.generate(entropy);
    this.key = Ed25519SecretKey.generate(entropy);
    const sign1 = issueLctDocument(authority, {
      kind: "pack",
      class: "responsive",
      anchor: { type: "p256", publicKey: this.#anchor.publicKey },
      binding: "software",
      strengthBps: 4_000,
      context: [purpose],
      created: millis(START),
      witnesses: [],
      mrh: [],
    });
    this.document = verifyLctDocument(sign1, [authority.publicKey]);
    this.replay = new LogReplay({ authorities: [{ publicKey: authority.publicKey }] });
    this.write({ type: "lct.document", timeMs: millis(START), body: { sign1 } });
    this.evidence = this.evidenceOf(1, this.key.publicKey);
    const { document, evidence } = this;
    this.write({ type: "epoch.begin", timeMs: millis(START), body: { evidence } });
    for (const entry of openingEntries({ authority, document }, number)) this.write(entry);
  }

  /** @param {import("@wattseal/energy-ledger").Entry} entry */
  write(entry) {
    const leaf = encodeEntry(entry);
    this.replay.append(leaf);
    this.leaves.push(leaf);
    this.#frontier.append(leafHash(leaf));
    this.#roots.push(this.#frontier.root());
  }

  /** @param {number} minute of eight modules: their intervals, and the window */
  meter(minute) {
    for (const entry of minuteOfIntervals(minute, this.#number)) this.write(entry);
    const { fold } = this.replay;
    this.write({ type: "energy.window", timeMs: fold.time, body: fold.nextWindow(fold.time) });
  }

  get size() {
    return this.leaves.length;
  }

  /** @param {number} size */
  root(size) {
    const root = this.#roots[size - 1];
    if (root === undefined) throw new RangeError(`size ${size}`);
    return root;
  }

  /**
   * For an epoch that begins where the log ends now.
   *
   * @param {number} epoch
   * @param {Uint8Array} publicKey
   */
  evidenceOf(epoch, publicKey) {
    const bodyBytes = encodeEpochBody({
      lct: this.document.lct,
      epoch,
      publicKey,
      softwareVersion: this.#purpose,
      treeSize: this.size,
      treeRoot: this.root(this.size),
      time: millis(START),
      synchronised: true,
    });
    const signature = this.#anchor.sign(epochSignedBytes(bodyBytes));
    return encodeEpochEvidence({ bodyBytes, signature, quote: undefined, nvCertify: undefined });
  }

  /** @type {import("@wattseal/tlog").NoteSigner} of its heads */
  get signer() {
    const { key, document } = this;
    return { name: document.origin, publicKey: key.publicKey, sign: key.sign.bind(key) };
  }
}
