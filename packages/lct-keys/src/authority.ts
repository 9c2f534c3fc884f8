/** The authority's side of `verify/authority.ts` and `verify/document.ts`. */
import { encodeSign1, type LctId } from "@wattseal/base";
import type { Ed25519SecretKey } from "./keys/ed25519.js";
import { authorityKeyId } from "./verify/authority.js";
import { encodeGenesis, type LctGenesis } from "./verify/genesis.js";

/**
 * COSE_Sign1 over `payload`: a deterministic CBOR array that starts with a tag text of its own ("wattseal-mint-1"),
 * or a statement of one sort could be passed off as another.
 */
export function signAuthorityPayload(authority: Ed25519SecretKey, payload: Uint8Array): Uint8Array {
  return encodeSign1({
    algorithm: "EdDSA",
    keyId: authorityKeyId(authority.publicKey),
    payload,
    sign: (bytes) => authority.sign(bytes),
  });
}

/** A signed LCT document, with the authority as its issuer. Throws DecodeError for a field out of bounds. */
export function issueLctDocument(
  authority: Ed25519SecretKey,
  genesis: Omit<LctGenesis, "issuer"> & { readonly issuerLct?: LctId },
): Uint8Array {
  const { issuerLct: lct, ...rest } = genesis;
  const issuer = { publicKey: authority.publicKey, lct };
  return signAuthorityPayload(authority, encodeGenesis({ ...rest, issuer }));
}
