/** What a TPM signed, checked by whoever holds its attestation key's public half (Part 3 §18, Part 1 §32). */
import { bytesEqual, concatBytes, sha256, verifyP256 } from "@wattseal/base";
import {
  type Attest,
  attest,
  type CertifyAttest,
  type NvAttest,
  type QuoteAttest,
} from "../structures/attest.js";
import type { PcrSelection } from "../structures/pcr.js";
import type { EccPublic, Public } from "../structures/public.js";
import { type Signature, signature } from "../structures/signature.js";
import { ALG, CURVE, OBJECT } from "../wire/constants.js";
import { TpmError } from "../wire/errors.js";
import { Reader } from "../wire/reader.js";
import { Writer } from "../wire/writer.js";

const COORDINATE = 32;
const UNCOMPRESSED = 4;

/** Attestation and signature as they travel. */
export interface SignedAttestation {
  /** TPMS_ATTEST. */
  readonly bytes: Uint8Array;
  /** TPMT_SIGNATURE. */
  readonly signature: Uint8Array;
}

export interface AttestationContext {
  /** The attestation key, enrolled: restricted, so that it signs nothing that a TPM did not say itself. */
  readonly key: Public;
  /** What the attestation has to have been made for. */
  readonly qualifyingData: Uint8Array;
}

function fail(problem: string): never {
  throw new TpmError("tpm-evidence", problem);
}

export function encodeSignature(value: Signature): Uint8Array {
  const writer = new Writer();
  signature.write(writer, value);
  return writer.done();
}

/** Big-endian, padded to the field's width; a TPM may leave out leading zeros. */
function fixed(coordinate: Uint8Array): Uint8Array {
  const from = Math.max(0, coordinate.length - COORDINATE);
  if (coordinate.subarray(0, from).some((byte) => byte !== 0)) fail("a coordinate is too long");
  const bytes = new Uint8Array(COORDINATE);
  const significant = coordinate.subarray(from);
  bytes.set(significant, COORDINATE - significant.length);
  return bytes;
}

/** r ‖ s, 64 bytes, of an ECDSA signature on P-256. Throws TpmError `tpm-evidence` for any other. */
export function rawSignature(made: Signature): Uint8Array {
  if (made.scheme !== "ecdsa" || made.hash !== ALG.sha256) fail("not ECDSA with SHA-256");
  return concatBytes(fixed(made.r), fixed(made.s));
}

/** A key of this package's kind as an uncompressed P-256 point, 65 bytes. Throws TpmError `tpm-evidence`. */
export function p256Point(key: Public): Uint8Array {
  if (key.type !== "ecc" || key.curve !== CURVE.p256) fail("the key is not on P-256");
  const { x, y } = key.point;
  return concatBytes(Uint8Array.of(UNCOMPRESSED), fixed(x), fixed(y));
}

function requireRestricted(key: Public): asserts key is EccPublic {
  const wanted = OBJECT.restricted | OBJECT.sign | OBJECT.fixedTpm | OBJECT.sensitiveDataOrigin;
  if (key.type !== "ecc" || (key.attributes & wanted) !== wanted) {
    fail("the key is no attestation key: restricted, signing, made in the TPM and fixed to it");
  }
}

/** ECDSA with SHA-256 over `message`. Throws TpmError `tpm-evidence`. */
export function verifySignedBy(key: Public, message: Uint8Array, signed: Uint8Array): void {
  const reader = new Reader(signed, "TPMT_SIGNATURE");
  const made = signature.read(reader);
  reader.end();
  if (!verifyP256(p256Point(key), message, rawSignature(made)))
    fail("the signature does not verify");
}

function verified(signed: SignedAttestation, { key, qualifyingData }: AttestationContext): Attest {
  requireRestricted(key);
  verifySignedBy(key, signed.bytes, signed.signature);
  const reader = new Reader(signed.bytes, "TPMS_ATTEST");
  const said = attest.read(reader);
  reader.end();
  if (!bytesEqual(said.extraData, qualifyingData)) fail("it was made for something else");
  return said;
}

/** SHA-256 over the PCRs' values in ascending order: what a quote signs and PolicyPCR compares. */
export function pcrDigest(values: Iterable<Uint8Array>): Uint8Array {
  return sha256(concatBytes(...values));
}

/** A quote of exactly these PCRs. Whether their digest is acceptable is the caller's policy. Throws TpmError, DecodeError. */
export function verifyQuote(
  signed: SignedAttestation,
  context: AttestationContext & { readonly selection: PcrSelection },
): QuoteAttest {
  const said = verified(signed, context);
  if (said.type !== "quote") fail(`not a quote, but ${said.type}`);
  const [only, ...others] = said.selection;
  const wanted = context.selection;
  const same = only?.hash === wanted.hash && String(only.pcrs) === String(wanted.pcrs);
  if (!same || others.length > 0) fail("it quotes other PCRs than those asked for");
  return said;
}

/** That the object of this Name is in the key's TPM. */
export function verifyCertify(
  signed: SignedAttestation,
  context: AttestationContext & { readonly name: Uint8Array },
): CertifyAttest {
  const said = verified(signed, context);
  if (said.type !== "certify") fail(`not a certification, but ${said.type}`);
  if (!bytesEqual(said.name, context.name)) fail("it certifies another object");
  return said;
}

/** What the index of this Name holds from its beginning on, exactly `size` bytes. */
export function verifyNvCertify(
  signed: SignedAttestation,
  context: AttestationContext & { readonly indexName: Uint8Array; readonly size: number },
): NvAttest {
  const said = verified(signed, context);
  if (said.type !== "nv") fail(`not an NV certification, but ${said.type}`);
  if (!bytesEqual(said.indexName, context.indexName)) fail("it certifies another NV index");
  if (said.offset !== 0 || said.contents.length !== context.size) {
    fail(`it certifies ${said.contents.length} bytes from ${said.offset}`);
  }
  return said;
}
