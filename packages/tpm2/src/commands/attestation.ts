/** What a TPM says of itself, signed (Part 3 §18). */
import type { Ref } from "../session/exchange.js";
import {
  type Attest,
  attest,
  type CertifyAttest,
  MOST_DATA,
  type QuoteAttest,
} from "../structures/attest.js";
import { type PcrSelection, pcrSelections } from "../structures/pcr.js";
import { ownScheme } from "../structures/sensitive.js";
import { type Signature, signature } from "../structures/signature.js";
import type { Tpm, Use } from "../tpm.js";
import { buffer } from "../wire/codec.js";
import { CC } from "../wire/constants.js";
import { TpmError } from "../wire/errors.js";
import { Reader } from "../wire/reader.js";
import type { Writer } from "../wire/writer.js";

/** The signed bytes, the signature over them, and what they say. */
export interface Attestation<A extends Attest = Attest> {
  readonly bytes: Uint8Array;
  readonly signature: Signature;
  readonly said: A;
}

const data = buffer(MOST_DATA);
const attestation = buffer(4096);

async function attested(
  tpm: Tpm,
  code: number,
  uses: readonly Use[],
  parametersOf: (w: Writer) => void,
): Promise<Attestation> {
  const { parameters } = await tpm.run({ code, uses, parameters: parametersOf });
  const bytes = attestation.read(parameters);
  const made = signature.read(parameters);
  parameters.end();
  const reader = new Reader(bytes, "attestation");
  const said = attest.read(reader);
  reader.end();
  return { bytes, signature: made, said };
}

/** TPM2_Quote of the selected PCRs. */
export async function quote(
  tpm: Tpm,
  key: Use,
  selection: readonly PcrSelection[],
  qualifyingData: Uint8Array,
): Promise<Attestation<QuoteAttest>> {
  const { said, ...signed } = await attested(tpm, CC.quote, [key], (w) => {
    data.write(w, qualifyingData);
    ownScheme.write(w, undefined);
    pcrSelections.write(w, selection);
  });
  if (said.type !== "quote") throw new TpmError("tpm-response", "not a quote");
  return { ...signed, said };
}

/** TPM2_Certify: `key` says that `object` is in this TPM. */
export async function certify(
  tpm: Tpm,
  object: Use & Ref,
  key: Use,
  qualifyingData: Uint8Array,
): Promise<Attestation<CertifyAttest>> {
  const { said, ...signed } = await attested(tpm, CC.certify, [object, key], (w) => {
    data.write(w, qualifyingData);
    ownScheme.write(w, undefined);
  });
  if (said.type !== "certify") throw new TpmError("tpm-response", "not a certification");
  return { ...signed, said };
}
