import type { Entropy } from "@wattseal/base";
import { createEd25519KeyFile, type Ed25519SecretKey } from "@wattseal/lct-keys";
import { encodeTrust, type Trust } from "@wattseal/verifier";
import { writeWhole } from "./files.js";
import type { Layout } from "./layout.js";

export interface FederationKeysOptions {
  readonly layout: Layout;
  /** Name of the authority, for people, and of the witness's cosignatures. */
  readonly names: { readonly authority: string; readonly witness: string };
  readonly authority: Ed25519SecretKey;
  readonly entropy: Entropy;
}

/** Makes a federation's witness, the key of its receipt log, and the trust file that says whom to believe; the caller keeps the authority. */
export async function makeFederationKeys({
  layout: { federation },
  names,
  authority,
  entropy,
}: FederationKeysOptions): Promise<Trust> {
  const witness = await createEd25519KeyFile(federation.witnessKey, entropy);
  const trust: Trust = {
    authorities: [{ name: names.authority, publicKey: authority.publicKey }],
    witnesses: [{ name: names.witness, publicKeys: [witness.publicKey] }],
    quorum: 1,
  };
  witness.dispose();
  (await createEd25519KeyFile(federation.receiptLogKey, entropy)).dispose();
  await writeWhole(federation.trust, encodeTrust(trust), 0o644);
  return trust;
}
