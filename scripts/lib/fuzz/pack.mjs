// A pack of a fuzzer's own: its log with metering in it, and its key at hand, so that what it signs can be anything.
import { bytesEqual, millis } from "@wattseal/base";
import { encodeEntry } from "@wattseal/energy-ledger";
import { Ed25519SecretKey, issueLctDocument, P256SecretKey } from "@wattseal/lct-keys";
import {
  encodeEpochBody,
  encodeEpochEvidence,
  epochSignedBytes,
  verifyLctDocument,
} from "@wattseal/lct-keys/verify";
import { consistencyProof, Frontier, leafHash, nodeHash, signCheckpoint } from "@wattseal/tlog";
import { encodeBatch, encodeResponse, packName } from "@wattseal/uplink";
import { LogReplay } from "@wattseal/verifier";
import { minuteOfIntervals, openingEntries } from "../../../bench/lib/pack.mjs";

const START = 1_760_000_040_000;

/** Keys are from `entropy`; a P-256 signature differs at each run. */
export class FuzzPack {
  /** @type {Uint8Array[]} */
  leaves = [];
  /** @type {Uint8Array} */
  evidence = new Uint8Array(0);
  #anchor;
  #key;
  /** @type {Uint8Array[]} */
  #roots = [];
  #frontier = new Frontier();
  /** @type {Map<string, Uint8Array>} signed once each: inputs are damaged copies */
  #messages = new Map();
  /** @type {Map<number, string>} */
  #notes = new Map();

  /**
   * @param {import("@wattseal/base").Entropy} entropy
   * @param {Ed25519SecretKey} authority
   * @param {number} minutes of eight modules each
   */
  constructor(entropy, authority, minutes) {
    this.#anchor = P256SecretKey.generate(entropy);
    this.#key = Ed25519SecretKey.generate(entropy);
    const sign1 = issueLctDocument(authority, {
      kind: "pack",
      class: "responsive",
      anchor: { type: "p256", publicKey: this.#anchor.publicKey },
      binding: "software",
      strengthBps: 4_000,
      context: ["fuzz"],
      created: millis(START),
      witnesses: [],
      mrh: [],
    });
    this.document = verifyLctDocument(sign1, [authority.publicKey]);
    this.name = packName(this.document.label);
    this.origin = this.document.origin;
    const replay = new LogReplay({ authorities: [{ publicKey: authority.publicKey }] });
    /** @param {import("@wattseal/energy-ledger").Entry} entry */
    const write = (entry) => {
      const leaf = encodeEntry(entry);
      replay.append(leaf);
      this.leaves.push(leaf);
      this.#frontier.append(leafHash(leaf));
      this.#roots.push(this.#frontier.root());
    };
    write({ type: "lct.document", timeMs: millis(START), body: { sign1 } });
    this.evidence = this.evidenceOf(1, this.#key.publicKey);
    const { evidence } = this;
    write({ type: "epoch.begin", timeMs: millis(START), body: { evidence } });
    for (const entry of openingEntries({ authority, document: this.document })) write(entry);
    for (let minute = 0; minute < minutes; minute += 1) {
      for (const entry of minuteOfIntervals(minute)) write(entry);
      const timeMs = replay.fold.time;
      write({ type: "energy.window", timeMs, body: replay.fold.nextWindow(timeMs) });
    }
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

  keyAt() {
    return this.#key.publicKey;
  }

  /** @param {number} size */
  frontier(size) {
    const frontier = new Frontier();
    for (const leaf of this.leaves.slice(0, size)) frontier.append(leafHash(leaf));
    return frontier;
  }

  /**
   * @param {number} epoch
   * @param {Uint8Array} publicKey
   */
  evidenceOf(epoch, publicKey) {
    const bodyBytes = encodeEpochBody({
      lct: this.document.lct,
      epoch,
      publicKey,
      softwareVersion: "fuzz",
      treeSize: this.size,
      treeRoot: this.root(this.size),
      time: millis(START),
      synchronised: true,
    });
    const signature = this.#anchor.sign(epochSignedBytes(bodyBytes));
    return encodeEpochEvidence({ bodyBytes, signature, quote: undefined, nvCertify: undefined });
  }

  /** @param {number} size @param {Uint8Array} root */
  #signed(size, root) {
    const key = this.#key;
    const signer = { name: this.origin, publicKey: key.publicKey, sign: key.sign.bind(key) };
    return signCheckpoint({ size, root }, signer);
  }

  /** @param {number} size @param {Uint8Array} [root] another one than its own */
  note(size, root) {
    if (root !== undefined) return this.#signed(size, root);
    const note = this.#notes.get(size) ?? this.#signed(size, this.root(size));
    this.#notes.set(size, note);
    return note;
  }

  /** @param {number} from @param {number} to */
  batch(from, to) {
    return this.#once(`batch ${from} ${to}`, () => {
      const { origin } = this;
      const leaves = this.leaves.slice(from, to);
      return encodeBatch({ origin, prevSize: from, leaves, checkpoint: this.note(to) });
    });
  }

  /** @param {number} prevSize @param {number} to */
  response(prevSize, to) {
    return this.#once(`response ${prevSize} ${to}`, () => {
      const leaves = this.leaves.slice(prevSize, to);
      const proof = consistencyProof(to, this.size, (level, index) => this.#node(level, index));
      return encodeResponse({ id: 1, prevSize, leaves, proof, checkpoint: this.note(this.size) });
    });
  }

  /** @param {number} level @param {number} index @returns {Uint8Array} */
  #node(level, index) {
    if (level === 0) return leafHash(this.leaves[index] ?? new Uint8Array(0));
    return nodeHash(this.#node(level - 1, 2 * index), this.#node(level - 1, 2 * index + 1));
  }

  /** @param {string} name @param {() => Uint8Array} make */
  #once(name, make) {
    const made = this.#messages.get(name) ?? make();
    this.#messages.set(name, made);
    return made;
  }

  /**
   * Whatever leaves, behind its own, under its key.
   *
   * @param {number} from
   * @param {readonly Uint8Array[]} leaves
   */
  signed(from, leaves) {
    const frontier = this.frontier(from);
    for (const leaf of leaves) frontier.append(leafHash(leaf));
    const { origin } = this;
    const checkpoint = this.note(frontier.size, frontier.root());
    return encodeBatch({ origin, prevSize: from, leaves, checkpoint });
  }

  /** @param {readonly Uint8Array[]} stored */
  isWhole(stored) {
    return stored.every((leaf, i) => bytesEqual(leaf, this.leaves[i] ?? new Uint8Array(0)));
  }
}
