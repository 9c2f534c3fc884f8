/** The endorsement key, which the maker of the TPM certifies, and its certificate (TCG EK Credential Profile 2.4 §2.2.1.4). */
import {
  createPrimary,
  ENDORSEMENT_ECC,
  ENDORSEMENT_RSA,
  flush,
  HANDLE_TYPE,
  handlesFrom,
  nvRead,
  nvReadPublic,
  type Public,
  RH,
  type SaltKey,
  STORAGE_ROOT,
  type Tpm,
  TpmError,
  type Use,
} from "@wattseal/tpm2";
import { permanent } from "./access.js";

/** Templates L-1 and L-2 and where their certificates lie. Whichever has one is the endorsement key; else the one on P-256. */
const KINDS = [
  { template: ENDORSEMENT_ECC, certificate: 0x01c0000a },
  { template: ENDORSEMENT_RSA, certificate: 0x01c00002 },
] as const;
const MOST_CERTIFICATE = 4_096;

export interface Endorsement {
  readonly key: SaltKey;
  readonly certificate: Uint8Array | undefined;
}

/** The template that gives this key again. */
export function endorsementTemplate(key: Public): Public {
  return key.type === "rsa" ? ENDORSEMENT_RSA : ENDORSEMENT_ECC;
}

/** DER of a SEQUENCE with a length of two bytes; makers fill up the index behind it. */
function withoutFilling(bytes: Uint8Array): Uint8Array | undefined {
  const [tag, form, high = 0, low = 0] = bytes;
  const length = 4 + 256 * high + low;
  if (tag !== 0x30 || form !== 0x82 || length > bytes.length) return undefined;
  return bytes.subarray(0, length);
}

/** Undefined also where the maker lets nobody read it: the registry then knows no maker. */
async function readCertificate(tpm: Tpm, handle: number): Promise<Uint8Array | undefined> {
  const index = await nvReadPublic(tpm, handle);
  const { size } = index.publicArea;
  if (size > MOST_CERTIFICATE) return undefined;
  try {
    return withoutFilling(await nvRead(tpm, index, index, size));
  } catch (thrown) {
    if (thrown instanceof TpmError && thrown.code === "tpm-refused") return undefined;
    throw thrown;
  }
}

async function kindAndCertificate(tpm: Tpm) {
  const present = await handlesFrom(tpm, HANDLE_TYPE.nvIndex * 2 ** 24);
  for (const kind of KINDS) {
    if (!present.includes(kind.certificate)) continue;
    const certificate = await readCertificate(tpm, kind.certificate);
    if (certificate !== undefined) return { template: kind.template, certificate };
  }
  return { template: ENDORSEMENT_ECC, certificate: undefined };
}

/**
 * Loads the endorsement key and protects the rest of the transaction by it. Until then a key of no hierarchy does, which
 * keeps the hierarchy's authorisation value from whoever only listens. That no other key was put in its place shows when
 * the registry checks the certificate.
 */
export async function protectByEndorsement(tpm: Tpm, auth: Use["auth"]): Promise<Endorsement> {
  const passing = await createPrimary(tpm, permanent(RH.null), { publicArea: STORAGE_ROOT });
  await tpm.protect(passing);
  const { template: publicArea, certificate } = await kindAndCertificate(tpm);
  const key = await createPrimary(tpm, permanent(RH.endorsement, auth), { publicArea });
  await tpm.protect(key);
  await flush(tpm, passing.handle);
  return { key, certificate };
}
