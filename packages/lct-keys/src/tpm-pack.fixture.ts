/** An anchor in a TPM of which the test holds every key: what it says of an epoch, right or wrong in one point. */
import { sha256, utf8 } from "@wattseal/base";
import { type FakeKey, fakeCounter, fakeNvCertify, fakeQuote } from "@wattseal/tpm2/testing";
import { ALG, encodeNvPublic, type NvPublic, type SignedAttestation } from "@wattseal/tpm2/verify";
import { P256SecretKey } from "./keys/p256.js";
import { seededEntropy, type TestPack, testPack } from "./lct-keys.fixture.js";
import { type BootApproval, type BootChoice, bootPolicyOf } from "./verify/boot-approval.js";
import type { LctDocument } from "./verify/document.js";
import type { LctAttestation } from "./verify/lct-attestation.js";
import type { TpmStatement } from "./verify/tpm-statement.js";

export interface TpmKeys {
  readonly attestationKey: FakeKey;
  readonly updateKey: FakeKey;
}

export const PCRS: readonly number[] = [0, 2, 4, 7];
export const COUNTER = fakeCounter(0x01800001);
export const VERSION_INDEX = fakeCounter(0x01800002);
export const BASE = 40;
/** PCR digests of two boots. */
export const BOOT = sha256(utf8("a boot"));
export const OTHER_BOOT = sha256(utf8("another boot"));

/** A pack of one of these bindings, with an attestation that fits it. */
export function tpmPack(
  binding: "tpm" | "tpm-unmeasured" | "software" = "tpm",
  { boot = binding === "tpm", seed = "tpm pack" } = {},
): TestPack & { readonly keys: TpmKeys } {
  const keys = {
    attestationKey: P256SecretKey.generate(seededEntropy(`${seed}: attestation key`)),
    updateKey: P256SecretKey.generate(seededEntropy(`${seed}: update key`)),
  };
  const attestation = attestationOf(keys, { boot });
  return { keys, ...testPack(seed, { binding, strengthBps: 4_000, attestation }) };
}

/** What the document of such an anchor commits to. */
export function attestationOf(
  { attestationKey, updateKey }: TpmKeys,
  { boot = true } = {},
): LctAttestation {
  const versionIndex = encodeNvPublic(VERSION_INDEX);
  return {
    attestationKey: attestationKey.publicKey,
    counter: encodeNvPublic(COUNTER),
    storage: Uint8Array.of(0, ALG.sha256, ...sha256(utf8("storage root"))),
    pcrs: PCRS,
    boot: boot ? { updateKey: updateKey.publicKey, versionIndex, base: BASE } : undefined,
  };
}

/** What the TPM says, and where a test wants it to say something else. */
export interface Said {
  readonly counter: number | bigint;
  readonly by?: FakeKey;
  readonly quoteBy?: FakeKey;
  readonly signedBytes: Uint8Array;
  readonly certifiedFor?: Uint8Array;
  readonly pcrs?: readonly number[];
  readonly bank?: (typeof ALG)["sha1" | "sha256"];
  readonly pcrDigest?: Uint8Array;
  readonly index?: NvPublic;
  readonly offset?: number;
}

const statement = ({ bytes, signature }: SignedAttestation): TpmStatement => ({
  attest: bytes,
  signature,
});

/** Quote and certification for `signedBytes`. */
export function statementsOf(keys: TpmKeys, said: Said) {
  const { by = keys.attestationKey, signedBytes, pcrDigest = BOOT, index = COUNTER } = said;
  const { quoteBy = by, certifiedFor = signedBytes, offset = 0 } = said;
  const contents = new Uint8Array(8);
  new DataView(contents.buffer).setBigUint64(0, BigInt(said.counter));
  const selection = [{ hash: said.bank ?? ALG.sha256, pcrs: said.pcrs ?? PCRS }];
  const quoted = fakeQuote(quoteBy, { extraData: sha256(signedBytes), selection, pcrDigest });
  const certified = { extraData: sha256(certifiedFor), contents, offset };
  return {
    quote: statement(quoted),
    nvCertify: statement(fakeNvCertify(by, index, certified)),
  };
}

/** The update key's word on this boot of the document's LCT. */
export function approvalOf(
  keys: TpmKeys,
  document: Pick<LctDocument, "lct" | "anchor" | "attestation">,
  change: Partial<BootChoice> = {},
): BootApproval {
  const choice = { version: 1, pcrDigest: BOOT, ...change };
  const { signedBytes } = bootPolicyOf(document, choice);
  return { lct: document.lct, ...choice, signature: keys.updateKey.sign(signedBytes) };
}
