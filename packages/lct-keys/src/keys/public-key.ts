/** Public P-256 keys as other programs write them: SubjectPublicKeyInfo in PEM (RFC 7468 §13, RFC 5480). */
import { createPublicKey, type KeyObject } from "node:crypto";
import { concatBytes, fromHex } from "@wattseal/base";
import { LctKeysError } from "../verify/errors.js";
import { publicCoordinate } from "./opaque-key.js";

const MOST = 4_096;
const POINT_LENGTH = 65;
const UNCOMPRESSED = Uint8Array.of(4);
/** SubjectPublicKeyInfo of id-ecPublicKey on prime256v1 (RFC 5480 §2), up to the uncompressed point. */
const SPKI_PREFIX = fromHex("3059301306072a8648ce3d020106082a8648ce3d030107034200");

/** The point of the key in `pem`, uncompressed, 65 bytes. Throws `key-malformed`, for a private key too. */
export function parseP256PublicKey(pem: string): Uint8Array {
  if (pem.length > MOST || !pem.includes("-----BEGIN PUBLIC KEY-----")) {
    throw new LctKeysError(
      "key-malformed",
      "this is no public key in PEM (BEGIN PUBLIC KEY), as openssl pkey -pubout writes it",
    );
  }
  let key: KeyObject;
  try {
    key = createPublicKey({ key: pem, format: "pem" });
  } catch (cause) {
    throw new LctKeysError("key-malformed", "this public key cannot be read", { cause });
  }
  if (key.asymmetricKeyDetails?.namedCurve !== "prime256v1") {
    throw new LctKeysError("key-malformed", "this is no key on P-256 (prime256v1)");
  }
  return concatBytes(UNCOMPRESSED, publicCoordinate(key, "x"), publicCoordinate(key, "y"));
}

/** The key as PEM. Throws `key-malformed` for what is no point of the curve. */
export function formatP256PublicKey(point: Uint8Array): string {
  try {
    if (point.length !== POINT_LENGTH) throw new RangeError(`${point.length} bytes`);
    const der = Buffer.from(concatBytes(SPKI_PREFIX, point));
    return createPublicKey({ key: der, format: "der", type: "spki" })
      .export({ format: "pem", type: "spki" })
      .toString();
  } catch (cause) {
    throw new LctKeysError("key-malformed", "this is no uncompressed point of P-256", { cause });
  }
}
