/** A TPM whose keys a test holds: what it says of the epochs of a log, right or wrong in one point. */
import { type CborValue, decodeCbor, type Entropy, lctId, sha256, utf8 } from "@wattseal/base";
import { P256SecretKey } from "@wattseal/lct-keys";
import {
  type Binding,
  type BootChoice,
  decodeEpochEvidence,
  encodeBootApproval,
  type LctDocument,
  type TpmStatement,
} from "@wattseal/lct-keys/verify";
import {
  approvalOf,
  attestationOf,
  BOOT,
  OTHER_BOOT,
  type Said,
  statementsOf,
  type TpmKeys,
} from "../../packages/lct-keys/src/tpm-pack.fixture.js";
import type { Random } from "./random.js";

function seeded(seed: string): Entropy {
  return { bytes: (length) => sha256(utf8(seed)).slice(0, length) };
}

export const TPM_KEYS: TpmKeys = {
  attestationKey: P256SecretKey.generate(seeded("attestation key")),
  updateKey: P256SecretKey.generate(seeded("update key")),
};

/** The binding of a document, and what it commits to of its TPM. */
export function boundTo(binding: Binding, boot = binding === "tpm") {
  return { binding, attestation: attestationOf(TPM_KEYS, { boot }) };
}

/** What an epoch's TPM says beside the anchor's signature; the approval as its array. */
export interface Boot extends Partial<Said> {
  readonly approval?: CborValue | undefined;
}

/** A boot with an approval of it, which may be of another LCT. */
export function approved(
  document: LctDocument,
  choice: Partial<BootChoice> = {},
): Boot & { readonly pcrDigest: Uint8Array } {
  const approval = encodeBootApproval(approvalOf(TPM_KEYS, document, choice));
  return { pcrDigest: choice.pcrDigest ?? BOOT, approval: decodeCbor(approval) };
}

const item = ({ attest, signature }: TpmStatement): CborValue => [attest, signature];

/** The items after the signature, of an evidence whose anchor signed these bytes. */
export function tpmItems(epoch: CborValue | undefined, signedBytes: Uint8Array, boot: Boot) {
  const counter = typeof epoch === "number" && epoch >= 0 ? epoch : 0;
  const said = statementsOf(TPM_KEYS, { counter, signedBytes, ...boot });
  const { approval } = boot;
  const fifth = approval === undefined ? [] : [approval];
  return [item(said.quote), item(said.nvCertify), ...fifth];
}

/** The boot that an evidence was made in; undefined without a TPM's statements. */
export function bootOf(evidence: Uint8Array): Boot | undefined {
  const { quote, approval } = decodeEpochEvidence(evidence);
  // TPMS_QUOTE_INFO ends with the digest
  if (quote === undefined) return undefined;
  const pcrDigest = quote.attest.slice(-32);
  if (approval === undefined) return { pcrDigest };
  return { pcrDigest, approval: decodeCbor(encodeBootApproval(approval)) };
}

/** Boots of a log's epochs: updates, going back to an older approval, somebody else's, and none at all. */
export function bootsOf(document: LctDocument, random: Random): () => Boot {
  const other = { ...document, lct: lctId(document.lct.replace(/.{8}$/, "aaaaaaaa")) };
  if (document.attestation?.boot === undefined) return () => ({ pcrDigest: BOOT });
  const choices: readonly (() => Boot)[] = [
    () => approved(document, { version: 1 }),
    () => approved(document, { version: 1 }),
    () => approved(document, { version: 2, pcrDigest: OTHER_BOOT }),
    () => ({ ...approved(document, { version: 3 }), pcrDigest: OTHER_BOOT }),
    () => approved(other, { version: 1 }),
    () => ({ pcrDigest: BOOT }),
  ];
  return () => random.of(choices)();
}
