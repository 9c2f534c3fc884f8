/**
 * Device halves in files: the 32 secret bytes, mode 0600, owned by who runs us.
 *
 * Trust: whoever reads one speaks as the pack to the modules paired with it, until they are given another half.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { type Entropy, toHex } from "@wattseal/base";
import { DeviceHalf, HALF_LENGTH } from "@wattseal/device-keys";
import { LctKeysError } from "../verify/errors.js";
import { createSecretFile, readSecretFile } from "./key-file.js";

const NAME = /^device-half(-[0-9a-f]{8})?\.key$/;

/** Names of a folder's half files, sorted. */
export async function halfFilesIn(directory: string): Promise<readonly string[]> {
  return (await readdir(directory)).filter((name) => NAME.test(name)).sort();
}

/** Throws `key-missing`, `key-permissions`, `key-malformed`. */
export async function openHalfFile(path: string): Promise<DeviceHalf> {
  const secret = await readSecretFile(path);
  try {
    if (secret.length === HALF_LENGTH) return DeviceHalf.fromSecret(secret);
    throw new LctKeysError(
      "key-malformed",
      `${path} has ${secret.length} bytes, and a device half has ${HALF_LENGTH}`,
    );
  } finally {
    secret.fill(0);
  }
}

/** Draws a half and writes it, durably; returns its file's name beside it. Throws `key-exists`. */
export async function createHalfFile(
  directory: string,
  entropy: Entropy,
): Promise<{ readonly half: DeviceHalf; readonly reference: string }> {
  const secret = entropy.bytes(HALF_LENGTH);
  try {
    const half = DeviceHalf.fromSecret(secret);
    const reference = `device-half-${toHex(half.publicKey.subarray(0, 4))}.key`;
    await createSecretFile(join(directory, reference), secret, toHex(entropy.bytes(8)));
    return { half, reference };
  } finally {
    secret.fill(0);
  }
}
