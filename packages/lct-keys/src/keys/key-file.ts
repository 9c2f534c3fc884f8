/**
 * Software keys in files: PKCS #8 PEM, mode 0600, owned by who runs us.
 *
 * Trust: whoever reads such a file is this key from then on, and nothing here can tell. That is why an LCT whose
 * anchor lies in one says `software` everywhere. Who can write the directory can take the key away, but not
 * have another accepted in its place: its public half is in the LCT document, or pinned by those who trust it.
 */
import { createPrivateKey, type KeyObject } from "node:crypto";
import { link, readdir, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Entropy, messageOf, toHex } from "@wattseal/base";
import { LctKeysError } from "../verify/errors.js";
import { Ed25519SecretKey } from "./ed25519.js";
import { pemOf } from "./opaque-key.js";
import { P256SecretKey } from "./p256.js";
import { createPrivately, errorCode, readPrivately, syncDirectory } from "./private-file.js";

const DRAFT = ".draft";
const KIND = { what: "key file", most: 4_096 } as const;

/** A link to the finished file: the name appears with its whole content or not at all, and never replaces another. */
export async function createSecretFile(
  path: string,
  content: string | Uint8Array,
  suffix: string,
): Promise<void> {
  const draft = `${path}.${suffix}${DRAFT}`;
  try {
    await createPrivately(draft, content);
    await link(draft, path);
  } catch (cause) {
    if (errorCode(cause) !== "EEXIST") throw cause;
    throw new LctKeysError("key-exists", `${path} exists; a key file is never overwritten`, {
      cause,
    });
  } finally {
    await unlink(draft).catch(() => undefined);
  }
  await syncDirectory(dirname(path));
}

/** What a creation that was killed left behind in this directory; none may be under way in it. */
export async function removeDrafts(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name.endsWith(DRAFT)) await unlink(join(directory, name));
  }
}

function parsePem(pem: Buffer, path: string): KeyObject {
  try {
    return createPrivateKey({ key: pem, format: "pem" });
  } catch (cause) {
    throw new LctKeysError("key-malformed", `${path} holds no PKCS #8 private key`, { cause });
  } finally {
    pem.fill(0);
  }
}

/** The caller's to wipe. Throws `key-missing`, `key-permissions`, `key-malformed` (not a file of at most 4 KiB). */
export function readSecretFile(path: string): Promise<Buffer> {
  return readPrivately(path, KIND);
}

async function readKeyFile(path: string): Promise<KeyObject> {
  return parsePem(await readSecretFile(path), path);
}

/** A key of another algorithm: whoever gave several files learns which one is wrong. */
function named<T>(path: string, open: () => T): T {
  try {
    return open();
  } catch (cause) {
    throw new LctKeysError("key-malformed", `${path}: ${messageOf(cause)}`, { cause });
  }
}

/** Draws a key and writes it; its directory exists. Throws `key-exists`. */
export async function createEd25519KeyFile(
  path: string,
  entropy: Entropy,
): Promise<Ed25519SecretKey> {
  const key = Ed25519SecretKey.generate(entropy);
  await createSecretFile(path, pemOf(key), toHex(entropy.bytes(8)));
  return key;
}

/** Draws a key and writes it; its directory exists. Throws `key-exists`. */
export async function createP256KeyFile(path: string, entropy: Entropy): Promise<P256SecretKey> {
  const key = P256SecretKey.generate(entropy);
  await createSecretFile(path, pemOf(key), toHex(entropy.bytes(8)));
  return key;
}

/** Throws `key-missing`, `key-permissions`, `key-malformed`. */
export async function openEd25519KeyFile(path: string): Promise<Ed25519SecretKey> {
  const key = await readKeyFile(path);
  return named(path, () => new Ed25519SecretKey(key));
}

/** Throws `key-missing`, `key-permissions`, `key-malformed`. */
export async function openP256KeyFile(path: string): Promise<P256SecretKey> {
  const key = await readKeyFile(path);
  return named(path, () => new P256SecretKey(key));
}
