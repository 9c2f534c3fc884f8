/** Answers to challenges as attestation files, by anchors whose keys the tests hold: of each state an epoch can have. */
import { type CborValue, encodeCbor, utf8 } from "@wattseal/base";
import {
  attestSignedBytes,
  decodeAttestationFile,
  type LctDocument,
  verifyLctDocument,
} from "@wattseal/lct-keys/verify";
import { OTHER_BOOT } from "../../packages/lct-keys/src/tpm-pack.fixture.js";
import { anchorSigns, documentOf } from "./keyed-log.js";
import { approved, type Boot, boundTo, tpmItems } from "./tpm.js";

const NONCE = utf8("a nonce of enough bytes");

function answer(bytes: Uint8Array, bootOf?: (document: LctDocument) => Boot): Uint8Array {
  const signedBytes = attestSignedBytes(NONCE);
  const boot = bootOf?.(verifyLctDocument(bytes, "self-consistent"));
  const said = boot === undefined ? [[], []] : tpmItems(7, signedBytes, boot);
  const [quote = [], nvCertify = [], approval = []]: readonly CborValue[] = said;
  const items = [bytes, NONCE, anchorSigns(signedBytes), quote, nvCertify, approval];
  const file = encodeCbor(["wattseal-attestation-1", ...items]);
  decodeAttestationFile(file);
  return file;
}

/** Attested, unattested, unmeasured, an emulator's, and a software anchor's. */
export function answers(): readonly Uint8Array[] {
  const measured = documentOf("pack", "answers", boundTo("tpm"));
  return [
    answer(measured, (document) => approved(document, { version: 4 })),
    answer(measured, () => ({ pcrDigest: OTHER_BOOT })),
    answer(documentOf("pack", "answers", boundTo("tpm-unmeasured")), () => ({})),
    answer(documentOf("pack", "answers", boundTo("software", true)), (document) =>
      approved(document, { version: 9 }),
    ),
    answer(documentOf("pack")),
  ];
}
