/** ECDSA over P-256 with SHA-256 (FIPS 186-5): anchors. */
import { createPrivateKey, type KeyObject, sign } from "node:crypto";
import {
  compareBytes,
  concatBytes,
  type Entropy,
  fromHex,
  InvariantViolation,
} from "@wattseal/base";
import { LctKeysError } from "../verify/errors.js";
import { keyObjectOf, OpaqueKey, publicCoordinate } from "./opaque-key.js";

/** PKCS #8 with an ECPrivateKey (RFC 5915 §3) of prime256v1, up to the scalar; the public key is computed on import. */
const PKCS8_PREFIX = fromHex(
  "3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420",
);
/** Order of the base point (SP 800-186 §3.2.1.3). */
const ORDER = fromHex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
const ZERO = new Uint8Array(32);
const MAX_DRAWS = 16;
const UNCOMPRESSED = Uint8Array.of(4);

/** FIPS 186-5 §A.2.2: rejection sampling. A draw fails once in 2^32. */
function drawScalar(entropy: Entropy): Uint8Array {
  for (let draw = 0; draw < MAX_DRAWS; draw += 1) {
    const scalar = entropy.bytes(ORDER.length);
    if (compareBytes(scalar, ORDER) < 0 && compareBytes(scalar, ZERO) > 0) return scalar;
  }
  throw new InvariantViolation("the entropy source yields no usable P-256 scalar");
}

export class P256SecretKey extends OpaqueKey {
  /** Throws `key-malformed` when `key` is no private P-256 key. */
  constructor(key: KeyObject) {
    if (key.type !== "private" || key.asymmetricKeyDetails?.namedCurve !== "prime256v1") {
      throw new LctKeysError("key-malformed", "this is no private P-256 key");
    }
    super(key, concatBytes(UNCOMPRESSED, publicCoordinate(key, "x"), publicCoordinate(key, "y")));
  }

  static generate(entropy: Entropy): P256SecretKey {
    const scalar = drawScalar(entropy);
    const der = Buffer.from(concatBytes(PKCS8_PREFIX, scalar).buffer);
    try {
      return new P256SecretKey(createPrivateKey({ key: der, format: "der", type: "pkcs8" }));
    } finally {
      scalar.fill(0);
      der.fill(0);
    }
  }

  /** r ‖ s, 64 bytes. Throws `key-disposed`. */
  sign(message: Uint8Array): Uint8Array {
    const key = keyObjectOf(this);
    return new Uint8Array(sign("sha256", message, { key, dsaEncoding: "ieee-p1363" }));
  }
}
