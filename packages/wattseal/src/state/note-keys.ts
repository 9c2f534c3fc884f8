/** Keys in files as notes are signed with them: the witness's and its receipt log's. */
import { type Ed25519SecretKey, openEd25519KeyFile } from "@wattseal/lct-keys";
import type { NoteSigner } from "@wattseal/tlog";

export function noteSigner(name: string, key: Ed25519SecretKey): NoteSigner {
  return { name, publicKey: key.publicKey, sign: (message) => key.sign(message) };
}

/** The public half of the key in a file. Throws LctKeysError. */
export async function publicKeyIn(path: string): Promise<Uint8Array> {
  const key = await openEd25519KeyFile(path);
  const { publicKey } = key;
  key.dispose();
  return publicKey;
}
