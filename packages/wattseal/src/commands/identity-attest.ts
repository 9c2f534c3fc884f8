import { resolve } from "node:path";
import { fromBase64, fromHex, messageOf, toHex } from "@wattseal/base";
import { decodeAttestationFile, verifyLctDocument } from "@wattseal/lct-keys/verify";
import { InvalidArgumentError } from "commander";
import { call } from "../control/client.js";
import { OPERATIONS } from "../control/operations.js";
import { CliError, EXIT } from "../errors.js";
import { writeWhole } from "../state/files.js";
import { writeOut } from "../view/output.js";
import { type ControlOptions, socketOf } from "./control.js";

/** `wattseal identity attest`: a running gateway's word, in a file that `wattseal verify` checks. */
export async function attest(
  options: ControlOptions & { readonly nonce: Uint8Array; readonly out?: string },
): Promise<number> {
  const nonce = toHex(options.nonce);
  const path = await socketOf(options);
  const { attestation } = await call(path, OPERATIONS.attest, { nonce });
  const bytes = fromBase64(attestation, "attestation");
  const { lct } = verifyLctDocument(decodeAttestationFile(bytes).document, "self-consistent");
  const file = resolve(options.out ?? `attestation-${nonce.slice(0, 8)}.cbor`);
  await writeWhole(file, bytes, 0o644).catch((cause: unknown) => {
    throw new CliError("usage", `${file} cannot be written: ${messageOf(cause)}`, { cause });
  });
  await writeOut(
    options.json
      ? `${JSON.stringify({ file, lct, nonce })}\n`
      : `${file}: ${lct} answers. Check it: wattseal verify ${file} --nonce ${nonce} --trust FILE\n`,
  );
  return EXIT.ok;
}

/** 16 to 64 bytes in hexadecimal. */
export function parseNonce(text: string): Uint8Array {
  if (/^(?:[0-9a-f]{2}){16,64}$/.test(text)) return fromHex(text);
  throw new InvalidArgumentError(
    "Use 32 to 128 lower-case hexadecimal digits that nobody can foresee, as openssl rand -hex 32 prints.",
  );
}
