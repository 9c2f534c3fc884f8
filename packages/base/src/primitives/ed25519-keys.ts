/** Which encodings pass as Ed25519 public keys: the same on every platform, or two auditors could disagree over one log. */
import { toHex } from "../bytes.js";

/**
 * y of the points of small order, little-endian, sign bit cleared. Under such a key one signature fits many
 * messages (Chalkias et al., "Taming the many EdDSAs", table 2).
 */
const SMALL_ORDER_Y = new Set([
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
]);
const SIGN_BIT = 0x80;

/** RFC 8032 §5.1.3: y is below p = 2^255 − 19. */
function isReduced(key: Uint8Array): boolean {
  if (((key[31] ?? 0) | SIGN_BIT) !== 0xff || (key[0] ?? 0) < 0xed) return true;
  return !key.subarray(1, 31).every((byte) => byte === 0xff);
}

/** True for 32 bytes that encode y canonically and are not a point of small order. Whether y is on the curve is for the curve to say. */
export function isEd25519KeyEncoding(key: Uint8Array): boolean {
  if (key.length !== 32 || !isReduced(key)) return false;
  const y = key.slice();
  y[31] = (key[31] ?? 0) & ~SIGN_BIT;
  return !SMALL_ORDER_Y.has(toHex(y));
}
