/** TPM2_MakeCredential in software (Part 1 §24): what only the TPM with this endorsement key and this key can open. */
import { concatBytes, type Entropy } from "@wattseal/base";
import { encryptCfb } from "../crypto/cipher.js";
import { hmacOf } from "../crypto/digest.js";
import { kdfa } from "../crypto/kdf.js";
import { shareSecret } from "../crypto/secret.js";
import { digestLength, MOST_DIGEST } from "../structures/algorithms.js";
import type { Public } from "../structures/public.js";
import { buffer } from "../wire/codec.js";
import { TpmError } from "../wire/errors.js";
import { Writer } from "../wire/writer.js";

const IV = new Uint8Array(16);
const NONE = new Uint8Array(0);
const sized = buffer(2 * MOST_DIGEST + 4);

export interface Credential {
  /** TPM2B_ID_OBJECT's content. */
  readonly blob: Uint8Array;
  /** TPM2B_ENCRYPTED_SECRET's content. */
  readonly secret: Uint8Array;
}

/**
 * `secret` for the holder of both `endorsement` and the key of this Name. Throws TpmError `tpm-usage` where the
 * endorsement key is no storage key or the secret is longer than its digest.
 */
export function makeCredential(
  endorsement: Public,
  keyName: Uint8Array,
  secret: Uint8Array,
  entropy: Entropy,
): Credential {
  const hash = endorsement.nameAlgorithm;
  if (secret.length > digestLength(hash)) {
    throw new TpmError("tpm-usage", `a credential has at most ${digestLength(hash)} bytes`);
  }
  const cipher =
    endorsement.type === "ecc" || endorsement.type === "rsa" ? endorsement.symmetric : undefined;
  if (cipher === undefined)
    throw new TpmError("tpm-usage", "the endorsement key is no storage key");
  const seed = shareSecret(endorsement, "IDENTITY", entropy);
  const context = { label: "STORAGE", u: keyName, v: NONE };
  const key = kdfa(hash, seed.secret, context, cipher.keyBits);
  const inner = new Writer();
  sized.write(inner, secret);
  const encrypted = encryptCfb(key, IV, inner.done());
  const hmacKey = kdfa(
    hash,
    seed.secret,
    { label: "INTEGRITY", u: NONE, v: NONE },
    8 * digestLength(hash),
  );
  const outer = new Writer();
  sized.write(outer, hmacOf(hash, hmacKey, encrypted, keyName));
  seed.secret.fill(0);
  return { blob: concatBytes(outer.done(), encrypted), secret: seed.encrypted };
}
