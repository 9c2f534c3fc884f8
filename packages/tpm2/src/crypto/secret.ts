/** A secret that only the holder of a storage key learns (Part 1, annex B.10 for RSA, C.6 for ECC). */
import { constants, createECDH, createPublicKey, type ECDH, publicEncrypt } from "node:crypto";
import { concatBytes, type Entropy, utf8 } from "@wattseal/base";
import { digestLength } from "../structures/algorithms.js";
import { type EccPublic, eccPoint, type Public, type RsaPublic } from "../structures/public.js";
import { CURVE, OBJECT } from "../wire/constants.js";
import { TpmError } from "../wire/errors.js";
import { Writer } from "../wire/writer.js";
import { nodeHash } from "./digest.js";
import { kdfe } from "./kdf.js";

const COORDINATE = 32;
const UNCOMPRESSED = 4;

export interface SharedSecret {
  readonly secret: Uint8Array;
  /** TPM2B_ENCRYPTED_SECRET's content. */
  readonly encrypted: Uint8Array;
}

/** Big-endian, as wide as the field: a TPM may leave out leading zeros. */
function padded(coordinate: Uint8Array): Uint8Array {
  const missing = COORDINATE - coordinate.length;
  if (missing < 0) throw new TpmError("tpm-usage", "a coordinate longer than P-256's");
  return concatBytes(new Uint8Array(missing), coordinate);
}

function agree(own: ECDH, point: Uint8Array): Buffer {
  try {
    return own.computeSecret(point);
  } catch (cause) {
    throw new TpmError("tpm-usage", "the key is no point on P-256", { cause });
  }
}

function shareByEcc(key: EccPublic, label: string): SharedSecret {
  if (key.curve !== CURVE.p256) throw new TpmError("tpm-usage", "only P-256 storage keys are used");
  const ephemeral = createECDH("prime256v1");
  const own = new Uint8Array(ephemeral.generateKeys());
  const x = padded(key.point.x);
  const z = agree(ephemeral, concatBytes(Uint8Array.of(UNCOMPRESSED), x, padded(key.point.y)));
  const point = {
    x: own.subarray(1, 1 + COORDINATE),
    y: own.subarray(1 + COORDINATE),
  };
  const writer = new Writer();
  eccPoint.write(writer, point);
  const hash = key.nameAlgorithm;
  const context = { label, partyU: point.x, partyV: x };
  const secret = kdfe(hash, new Uint8Array(z), context, 8 * digestLength(hash));
  z.fill(0);
  return { secret, encrypted: writer.done() };
}

function shareByRsa(key: RsaPublic, label: string, entropy: Entropy): SharedSecret {
  const secret = entropy.bytes(digestLength(key.nameAlgorithm));
  const exponent = key.exponent === 0 ? 65_537 : key.exponent;
  const e = Uint8Array.of(exponent >>> 24, exponent >>> 16, exponent >>> 8, exponent);
  const jwk = {
    kty: "RSA",
    n: Buffer.from(key.modulus).toString("base64url"),
    e: Buffer.from(e.subarray(e.findIndex((byte) => byte !== 0))).toString("base64url"),
  };
  const oaep = {
    padding: constants.RSA_PKCS1_OAEP_PADDING,
    oaepHash: nodeHash(key.nameAlgorithm),
    oaepLabel: utf8(`${label}\0`),
  };
  try {
    const recipient = createPublicKey({ key: jwk, format: "jwk" });
    const encrypted = publicEncrypt({ key: recipient, ...oaep }, secret);
    return { secret, encrypted: Uint8Array.from(encrypted) };
  } catch (cause) {
    throw new TpmError("tpm-usage", "nothing can be encrypted for this RSA key", { cause });
  }
}

/**
 * Draws a secret for the holder of `key`. `label` is SECRET for a session's salt, IDENTITY for a credential.
 * Throws TpmError `tpm-usage` for a key that cannot take one.
 */
export function shareSecret(key: Public, label: string, entropy: Entropy): SharedSecret {
  const wanted = OBJECT.restricted | OBJECT.decrypt;
  if ((key.attributes & wanted) !== wanted) {
    throw new TpmError("tpm-usage", "only a storage key (restricted, decrypting) takes a secret");
  }
  if (key.type === "ecc") return shareByEcc(key, label);
  if (key.type === "rsa") return shareByRsa(key, label, entropy);
  throw new TpmError("tpm-usage", `a ${key.type} object cannot take a secret`);
}
