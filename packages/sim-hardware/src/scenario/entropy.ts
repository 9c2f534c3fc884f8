import { concatBytes, type Entropy, sha256, utf8 } from "@wattseal/base";

const BLOCK = 32;

/**
 * The same bytes for the same seed: SHA-256 over a label, the seed and a count. For runs that are to be
 * repeated.
 *
 * Trust: whoever knows the seed knows every ephemeral secret that is drawn from it.
 */
export function seededEntropy(seed: number): Entropy {
  let count = 0;
  return {
    bytes(length) {
      const blocks = Array.from({ length: Math.ceil(length / BLOCK) }, () => {
        count += 1;
        return sha256(utf8(`wattseal-sim-entropy-1/${seed}/${count}`));
      });
      return concatBytes(...blocks).slice(0, length);
    },
  };
}
