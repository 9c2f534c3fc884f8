/**
 * Who made the TPM: an endorsement key's certificate, up to a root that stands for hardware (TCG EK Credential Profile
 * 2.4 §3). What is not judged: revocation lists, path lengths, name constraints.
 */
import { X509Certificate } from "node:crypto";
import { bytesEqual, type Millis, messageOf } from "@wattseal/base";
import type { Public } from "@wattseal/tpm2/verify";
import { LctKeysError } from "../verify/errors.js";

/** Roots of makers whose endorsement certificates mean hardware. An emulator's is none of them. */
export type HardwareRoots = readonly X509Certificate[];

/** tcg-kp-EKCertificate: where a certificate says what its key is for, this has to be among it. */
const ENDORSEMENT_USE = "2.23.133.8.1";
const DEFAULT_EXPONENT = 65_537;

export type Provenance =
  | { readonly hardware: true; readonly root: string }
  /** `why`: for whoever wonders why this is no hardware. */
  | { readonly hardware: false; readonly why: string };

function refuse(problem: string, cause?: unknown): never {
  throw new LctKeysError("enrol-certificate", problem, { cause });
}

/** Of PEM or DER. Throws LctKeysError `enrol-certificate`. */
export function hardwareRoot(bytes: Uint8Array | string): X509Certificate {
  const root = parsed(bytes, "the root");
  return root.ca ? root : refuse(`${root.subject} is no authority's certificate`);
}

function parsed(bytes: Uint8Array | string, what: string): X509Certificate {
  try {
    return new X509Certificate(bytes);
  } catch (cause) {
    return refuse(`${what} cannot be read as X.509: ${messageOf(cause)}`, cause);
  }
}

/**
 * `certificates`: the endorsement key's own, then each one's issuer. Throws LctKeysError `enrol-certificate` where the
 * first is of another key or for another use, or cannot be read: that is a lie or damage. One that leads to no accepted
 * root is nobody's word, and the same as none.
 */
export function provenanceOf(
  endorsement: Public,
  certificates: readonly Uint8Array[],
  roots: HardwareRoots,
  now: Millis,
): Provenance {
  const chain = certificates.map((bytes, i) => parsed(bytes, `certificate ${i}`));
  const [leaf] = chain;
  if (leaf === undefined) return { hardware: false, why: "there is no endorsement certificate" };
  requireKey(leaf, endorsement);
  requireUse(leaf);
  for (const [i, certificate] of chain.entries()) {
    if (!isValidAt(certificate, now)) return no(`${named(certificate)} is not valid now`);
    const root = roots.find((candidate) => isIssuedBy(certificate, candidate));
    if (root !== undefined) {
      return isValidAt(root, now)
        ? { hardware: true, root: root.subject }
        : no(`${named(root)} is not valid now`);
    }
    const next = chain[i + 1];
    if (next === undefined) return no(`${named(certificate)} leads to no accepted root`);
    if (!isIssuedBy(certificate, next)) return no(`${named(certificate)} is not its follower's`);
  }
  return no("no certificate leads to an accepted root");
}

const no = (why: string): Provenance => ({ hardware: false, why });
const named = ({ subject, issuer }: X509Certificate) =>
  `the certificate of ${subject === "" ? `a TPM by ${issuer}` : subject}`.replaceAll("\n", ", ");

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  } catch {
    return false; // a key of a kind that is not known here
  }
}

function isValidAt({ validFrom, validTo }: X509Certificate, now: Millis): boolean {
  return Date.parse(validFrom) <= now && now <= Date.parse(validTo);
}

function requireUse({ keyUsage, ca }: X509Certificate): void {
  if (ca) refuse("the endorsement certificate is an authority's");
  if (keyUsage === undefined || keyUsage.includes(ENDORSEMENT_USE)) return;
  refuse("the certificate is for other uses than an endorsement key's");
}

function requireKey(certificate: X509Certificate, endorsement: Public): void {
  const jwk = jwkOf(certificate);
  const certified = (name: "n" | "e" | "x" | "y") =>
    new Uint8Array(Buffer.from(jwk[name] ?? "", "base64url"));
  if (endorsement.type === "rsa") {
    const exponent = endorsement.exponent === 0 ? DEFAULT_EXPONENT : endorsement.exponent;
    const e = certified("e").reduce((value, byte) => 256 * value + byte, 0);
    if (jwk.kty === "RSA" && e === exponent && sameNumber(certified("n"), endorsement.modulus)) {
      return;
    }
  }
  if (endorsement.type === "ecc" && jwk.crv === "P-256") {
    const { x, y } = endorsement.point;
    if (sameNumber(certified("x"), x) && sameNumber(certified("y"), y)) return;
  }
  refuse("the endorsement certificate is of another key than the endorsement key");
}

function jwkOf(certificate: X509Certificate) {
  try {
    return certificate.publicKey.export({ format: "jwk" });
  } catch (cause) {
    return refuse(`the certificate's key is of no known kind: ${messageOf(cause)}`, cause);
  }
}

/** Big-endian; leading zeros count for nothing. */
function sameNumber(a: Uint8Array, b: Uint8Array): boolean {
  const significant = (bytes: Uint8Array) => {
    const first = bytes.findIndex((byte) => byte !== 0);
    return first === -1 ? bytes.subarray(bytes.length) : bytes.subarray(first);
  };
  return bytesEqual(significant(a), significant(b));
}
