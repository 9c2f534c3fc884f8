/** Hash and signature primitives; one module per platform, chosen by the package's `#primitives` import. */
export interface Primitives {
  /** FIPS 180-4. 32 bytes. */
  sha256(data: Uint8Array): Uint8Array;
  /**
   * RFC 8032 Ed25519, without cofactor; keys of small order or not canonically encoded are refused, so that
   * every platform gives one answer. Key 32 bytes, signature 64 bytes; false for anything malformed.
   */
  verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** ECDSA P-256 with SHA-256 (FIPS 186-5). Key 65 bytes uncompressed, signature r ‖ s 64 bytes; false for anything malformed. */
  verifyP256(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
}
