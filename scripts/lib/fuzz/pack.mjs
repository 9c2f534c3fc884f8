// A pack of a fuzzer's own: its log with metering in it, and its key at hand, so that what it signs can be anything.
import { bytesEqual } from "@wattseal/base";
import { consistencyProof, Frontier, leafHash, nodeHash, signCheckpoint } from "@wattseal/tlog";
import { encodeBatch, encodeResponse, packName } from "@wattseal/uplink";
import { OwnLog } from "../../../bench/lib/own-log.mjs";

export class FuzzPack extends OwnLog {
  /** @type {Map<string, Uint8Array>} signed once each: inputs are damaged copies */
  #messages = new Map();
  /** @type {Map<number, string>} */
  #notes = new Map();

  /**
   * @param {import("@wattseal/base").Entropy} entropy
   * @param {import("@wattseal/lct-keys").Ed25519SecretKey} authority
   * @param {number} minutes of eight modules each
   */
  constructor(entropy, authority, minutes) {
    super({ entropy, authority, purpose: "fuzz" });
    this.name = packName(this.document.label);
    this.origin = this.document.origin;
    for (let minute = 0; minute < minutes; minute += 1) this.meter(minute);
  }

  keyAt() {
    return this.key.publicKey;
  }

  /** @param {number} size */
  frontier(size) {
    const frontier = new Frontier();
    for (const leaf of this.leaves.slice(0, size)) frontier.append(leafHash(leaf));
    return frontier;
  }

  /** @param {number} size @param {Uint8Array} [root] another one than its own */
  note(size, root) {
    if (root !== undefined) return signCheckpoint({ size, root }, this.signer);
    const own = { size, root: this.root(size) };
    const note = this.#notes.get(size) ?? signCheckpoint(own, this.signer);
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
