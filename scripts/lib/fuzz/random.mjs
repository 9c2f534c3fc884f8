// Inputs that can be had again by their seed.

/** xorshift32, reproducible from its seed. */
export class Random {
  #state;

  /** @param {number} seed */
  constructor(seed) {
    this.#state = seed >>> 0 || 1;
  }

  /** @param {number} end */
  below(end) {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return (state >>> 0) % end;
  }

  /** @param {number} length */
  bytes(length) {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i += 1) bytes[i] = this.below(256);
    return bytes;
  }

  /** @param {Uint8Array} genuine bits flipped, cut, stretched, or all anew */
  changed(genuine) {
    const kind = this.below(8);
    if (kind === 0) return this.bytes(this.below(2 * genuine.length + 2));
    if (kind === 1) return genuine.slice(0, this.below(genuine.length + 1));
    const bytes = kind === 2 ? new Uint8Array(genuine.length + this.below(9)) : genuine.slice();
    if (kind === 2) bytes.set(genuine);
    for (let n = this.below(4); n >= 0 && bytes.length > 0; n -= 1) {
      const at = this.below(bytes.length);
      bytes[at] = this.below(2) === 0 ? (bytes[at] ?? 0) ^ (1 << this.below(8)) : this.below(256);
    }
    return bytes;
  }
}
