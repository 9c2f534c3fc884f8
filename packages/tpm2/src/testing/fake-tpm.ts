/** What a TPM would sign, byte for byte, under a key in memory: for tests of verifiers, which need it wrong in every way. */
import { attest, type NvAttest, type QuoteAttest } from "../structures/attest.js";
import type { NvPublic } from "../structures/nv.js";
import type { PcrSelection } from "../structures/pcr.js";
import { encodeSignature, type SignedAttestation } from "../verify/attestation.js";
import { indexName } from "../verify/names.js";
import { ALG, NV } from "../wire/constants.js";
import { Writer } from "../wire/writer.js";

/** P-256: 65 bytes, uncompressed; ECDSA with SHA-256 over `message` as r ‖ s. */
export interface FakeKey {
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

const COMMON = {
  /** A Name: algorithm and digest. */
  qualifiedSigner: Uint8Array.of(0, ALG.sha256, ...new Uint8Array(32).fill(0x51)),
  clockInfo: { clock: 81_234n, resetCount: 3, restartCount: 0, safe: true },
  firmwareVersion: 0x20240125_00120000n,
};

/** TPMS_ATTEST under the key's TPMT_SIGNATURE. */
export function fakeAttest(key: FakeKey, said: QuoteAttest | NvAttest): SignedAttestation {
  const writer = new Writer();
  attest.write(writer, said);
  const bytes = writer.done();
  const raw = key.sign(bytes);
  const [r, s] = [raw.slice(0, 32), raw.slice(32)];
  return { bytes, signature: encodeSignature({ scheme: "ecdsa", hash: ALG.sha256, r, s }) };
}

/** TPM2_Quote. */
export function fakeQuote(
  key: FakeKey,
  said: {
    readonly extraData: Uint8Array;
    readonly selection: readonly PcrSelection[];
    readonly pcrDigest: Uint8Array;
  } & Partial<QuoteAttest>,
): SignedAttestation {
  return fakeAttest(key, { type: "quote", ...COMMON, ...said });
}

/** TPM2_NV_Certify of a whole index. */
export function fakeNvCertify(
  key: FakeKey,
  index: NvPublic,
  said: { readonly extraData: Uint8Array; readonly contents: Uint8Array } & Partial<NvAttest>,
): SignedAttestation {
  const certified = { indexName: indexName(index), offset: 0 };
  return fakeAttest(key, { type: "nv", ...COMMON, ...certified, ...said });
}

/** Public area of a counter that was incremented, for its authorisation value to increment and read. */
export function fakeCounter(index: number): NvPublic {
  return {
    index,
    nameAlgorithm: ALG.sha256,
    attributes: NV.counter | NV.authWrite | NV.authRead | NV.ownerRead | NV.noDa | NV.written,
    authPolicy: new Uint8Array(0),
    size: 8,
  };
}
