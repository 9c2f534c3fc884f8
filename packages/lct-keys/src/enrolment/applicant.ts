/** The applicant's side of an enrolment, whatever carries the messages and whatever holds the anchor. */
import { bytesEqual, type LctId, messageOf } from "@wattseal/base";
import type { TrustedKeys } from "../verify/authority.js";
import { type LctDocument, verifyLctDocument } from "../verify/document.js";
import { LctKeysError } from "../verify/errors.js";
import { decodeGenesis, encodeGenesis } from "../verify/genesis.js";
import type { EnrolmentClaim, EnrolmentProof } from "./claim.js";
import { claimedTpm } from "./claimed-tpm.js";
import {
  decodeEnrolmentChallenge,
  decodeEnrolmentResult,
  type EnrolledKind,
  type EnrolmentChallenge,
  encodeEnrolmentActivation,
  encodeEnrolmentRequest,
  enrolmentSignedBytes,
} from "./messages.js";
import { attestationOf } from "./registrar.js";

/** Who asks for an LCT: what it shows, and how it proves that. */
export interface Applicant {
  readonly claim: EnrolmentClaim;
  prove(challenge: EnrolmentChallenge): Promise<EnrolmentProof>;
}

/** The registry, however it is reached. */
export interface Registry {
  /** A request for a challenge. */
  request(bytes: Uint8Array): Promise<Uint8Array>;
  /** An activation for a result. */
  activate(id: Uint8Array, bytes: Uint8Array): Promise<Uint8Array>;
}

export interface EnrolmentWish {
  readonly kind: EnrolledKind;
  readonly context: readonly string[];
  readonly succeeds?: LctId;
  /** Whose word the applicant takes for its own identity. */
  readonly authorities: TrustedKeys;
}

export interface EnrolmentOutcome {
  /** Verified: of this applicant, under an accepted authority. */
  readonly document: LctDocument;
  /** The authority's statement that it is active, not verified. */
  readonly status: Uint8Array;
}

/** An anchor whose key this process can use. */
export function softwareApplicant(anchor: {
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array | Promise<Uint8Array>;
}): Applicant {
  return {
    claim: { type: "software", publicKey: anchor.publicKey },
    async prove(challenge) {
      return { type: "software", signature: await anchor.sign(enrolmentSignedBytes(challenge)) };
    },
  };
}

/**
 * Asks, answers, and checks what comes back. Throws DecodeError, LctKeysError `enrol-challenge` (the registry would sign
 * something that was not asked for: nothing is proven to it), `document-signature`, `document-untrusted`; and what the
 * applicant and the registry throw.
 */
export async function enrol(
  applicant: Applicant,
  registry: Registry,
  wish: EnrolmentWish,
): Promise<EnrolmentOutcome> {
  const { kind, context, succeeds, authorities } = wish;
  const { claim } = applicant;
  const request = encodeEnrolmentRequest({ kind, context, claim, succeeds });
  const challenge = decodeEnrolmentChallenge(await registry.request(request));
  requireAskedFor(challenge, claim, wish);
  const proof = await applicant.prove(challenge);
  const { id } = challenge;
  const answer = await registry.activate(id, encodeEnrolmentActivation({ id, proof }));
  const { document: bytes, status } = decodeEnrolmentResult(answer);
  const document = verifyLctDocument(bytes, authorities);
  if (document.lct !== challenge.lct) refuse("its document is not the one that it showed");
  return { document, status };
}

function refuse(problem: string, cause?: unknown): never {
  throw new LctKeysError("enrol-challenge", `the registry is not to be trusted: ${problem}`, {
    cause,
  });
}

/** The genesis body is this applicant's: its anchor and TPM, its wish, an issuer that it trusts. */
function requireAskedFor(
  { genesisBody }: EnrolmentChallenge,
  claim: EnrolmentClaim,
  { kind, succeeds, authorities }: EnrolmentWish,
): void {
  const genesis = decodeGenesis(genesisBody);
  const { issuer, mrh } = genesis;
  if (!authorities.some((key) => bytesEqual(key, issuer.publicKey))) {
    refuse("it signs for an authority that is not accepted here");
  }
  if (genesis.kind !== kind) refuse(`it would make a ${genesis.kind}`);
  const predecessors = mrh.filter(({ relation }) => relation === "succeeds");
  if (String(predecessors.map(({ lct }) => lct)) !== String(succeeds ?? [])) {
    refuse("it names another predecessor");
  }
  const own = ownPart(claim);
  try {
    // What is compared is the encoding: the same body with the applicant's own part in it.
    if (bytesEqual(encodeGenesis({ ...genesis, ...own }), genesisBody)) return;
  } catch (cause) {
    refuse(`its document is for another anchor: ${messageOf(cause)}`, cause);
  }
  refuse("its document is for another anchor, or another TPM");
}

function ownPart(claim: EnrolmentClaim) {
  if (claim.type === "software") {
    const { publicKey } = claim;
    return { anchor: { type: "p256" as const, publicKey }, attestation: undefined };
  }
  const claimed = claimedTpm(claim);
  const anchor = { type: "p256" as const, publicKey: claimed.anchorPoint };
  return { anchor, attestation: attestationOf(claim, claimed) };
}
