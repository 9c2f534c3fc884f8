/** Using keys and sealed data (Part 3 §12.7, §12.5, §20). */
import type { Ref } from "../session/exchange.js";
import { MOST_DIGEST } from "../structures/algorithms.js";
import { MOST_SEALED, ownScheme } from "../structures/sensitive.js";
import { type Signature, signature } from "../structures/signature.js";
import { type Ticket, ticket } from "../structures/ticket.js";
import type { Tpm, Use } from "../tpm.js";
import { buffer } from "../wire/codec.js";
import { CC, RH, ST } from "../wire/constants.js";

const digest = buffer(MOST_DIGEST);
const sealed = buffer(MOST_SEALED);
const credential = buffer(2 + MOST_DIGEST + 2 + MOST_DIGEST);
const encryptedSecret = buffer(512);

/** A key that is not restricted signs whatever digest it is given: no ticket of the TPM's own hashing is needed. */
const NO_TICKET: Ticket = { tag: ST.hashCheck, hierarchy: RH.null, digest: new Uint8Array(0) };

/** TPM2_Sign over a digest, by the key's own scheme. A restricted key wants the ticket of `hashSequence`. */
export async function sign(
  tpm: Tpm,
  key: Use,
  hashed: Uint8Array,
  proof: Ticket = NO_TICKET,
): Promise<Signature> {
  const { parameters } = await tpm.run({
    code: CC.sign,
    uses: [key],
    parameters: (w) => {
      digest.write(w, hashed);
      ownScheme.write(w, undefined);
      ticket.write(w, proof);
    },
  });
  const made = signature.read(parameters);
  parameters.end();
  return made;
}

/** TPM2_VerifySignature: the ticket lets PolicyAuthorize accept what was signed. */
export async function verifySignature(
  tpm: Tpm,
  key: Ref,
  hashed: Uint8Array,
  given: Signature,
): Promise<Ticket> {
  const { parameters } = await tpm.run({
    code: CC.verifySignature,
    refs: [key],
    parameters: (w) => {
      digest.write(w, hashed);
      signature.write(w, given);
    },
  });
  const verified = ticket.read(parameters);
  parameters.end();
  return verified;
}

/** TPM2_Unseal. The caller overwrites what it gets. */
export async function unseal(tpm: Tpm, object: Use): Promise<Uint8Array> {
  const { parameters } = await tpm.run({
    code: CC.unseal,
    uses: [object],
    secret: { response: true },
  });
  const data = sealed.read(parameters);
  parameters.end();
  return data;
}

/** TPM2_ActivateCredential: proves that this TPM holds `key` beside the endorsement key `decryptor`. */
export async function activateCredential(
  tpm: Tpm,
  key: Use,
  decryptor: Use,
  { blob, secret }: { readonly blob: Uint8Array; readonly secret: Uint8Array },
): Promise<Uint8Array> {
  const { parameters } = await tpm.run({
    code: CC.activateCredential,
    uses: [key, decryptor],
    parameters: (w) => {
      credential.write(w, blob);
      encryptedSecret.write(w, secret);
    },
    secret: { response: true },
  });
  const certInfo = digest.read(parameters);
  parameters.end();
  return certInfo;
}
