import {
  decodeAttestationFile,
  type LctDocument,
  type VerifiedAttestation,
  verifyAttestation,
  verifyLctDocument,
} from "@wattseal/lct-keys/verify";
import type { Trust } from "@wattseal/verifier";

export interface CheckedAttestation extends VerifiedAttestation {
  readonly document: LctDocument;
  readonly nonce: Uint8Array;
  /** Whether the nonce is the asker's own. */
  readonly fresh: boolean;
  readonly verdict: "verified" | "self-consistent only";
}

/** Throws what the verifier throws, for a file that does not hold. */
export function checkAttestation(
  bytes: Uint8Array,
  trust: Trust | undefined,
  nonce: Uint8Array | undefined,
): CheckedAttestation {
  const file = decodeAttestationFile(bytes);
  const keys = trust?.authorities.map(({ publicKey }) => publicKey);
  const document = verifyLctDocument(file.document, keys ?? "self-consistent");
  const judged = verifyAttestation(file, document, nonce ?? file.nonce);
  return {
    ...judged,
    document,
    nonce: file.nonce,
    fresh: nonce !== undefined,
    verdict: trust === undefined ? "self-consistent only" : "verified",
  };
}
