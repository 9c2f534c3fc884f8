import { type Entropy, sha256, utf8 } from "@wattseal/base";

/** The same bytes for the same seed: never for keys. */
export function seeded(seed: string): Entropy {
  let block = new Uint8Array(0);
  let number = 0;
  return {
    bytes(length) {
      const bytes = new Uint8Array(length);
      for (let at = 0; at < length; ) {
        if (block.length === 0) {
          block = new Uint8Array(sha256(utf8(`${seed} ${number}`)));
          number += 1;
        }
        const part = block.subarray(0, length - at);
        bytes.set(part, at);
        at += part.length;
        block = block.subarray(part.length);
      }
      return bytes;
    },
  };
}
