/**
 * The token that admits a gateway to its signer: 32 bytes, as 64 hex digits, in a file or a systemd credential.
 *
 * Trust: whoever reads it, and may open the socket, is the gateway to the signer.
 */
import { join } from "node:path";
import { type Entropy, fromHex, fromUtf8, toHex } from "@wattseal/base";
import { CliError } from "../errors.js";
import { exists, readSecret, writeWhole } from "./files.js";

/** Of the credential: LoadCredential=signer-token:… (systemd.exec(5)). */
const CREDENTIAL = "signer-token";
const LENGTH = 32;

/** `credentials`: $CREDENTIALS_DIRECTORY. A credential there comes before the file. Throws CliError. */
export async function readSignerToken(
  path: string,
  credentials: string | undefined,
): Promise<Uint8Array> {
  const credential = credentials && join(credentials, CREDENTIAL);
  const from = credential && (await exists(credential)) ? credential : path;
  if (!(await exists(from))) {
    throw new CliError(
      "state-missing",
      `${from}, the token that admits to the signer, is missing. wattseal signer --state DIR makes it for a state folder; elsewhere: openssl rand -hex 32`,
    );
  }
  const text = fromUtf8(await readSecret(from), "signer token").trim();
  if (/^[0-9a-f]{64}$/.test(text)) return fromHex(text);
  throw new CliError("config", `${from} does not hold 64 hex digits (openssl rand -hex 32)`);
}

/** Makes the file where it is missing: both processes of a state folder read it there. */
export async function createSignerToken(path: string, entropy: Entropy): Promise<void> {
  if (await exists(path)) return;
  await writeWhole(path, `${toHex(entropy.bytes(LENGTH))}\n`, 0o600);
}
