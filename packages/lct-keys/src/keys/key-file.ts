/**
 * Software keys in files: PKCS #8 PEM, mode 0600, owned by who runs us.
 *
 * Trust: whoever reads such a file is this key from then on, and nothing here can tell. That is why an LCT whose
 * anchor lies in one says `software` everywhere. Who can write the directory can take the key away, but not
 * have another accepted in its place: its public half is in the LCT document, or pinned by those who trust it.
 */
import { createPrivateKey, type KeyObject } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, link, open, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { geteuid } from "node:process";
import { type Entropy, toHex } from "@wattseal/base";
import { LctKeysError } from "../verify/errors.js";
import { Ed25519SecretKey } from "./ed25519.js";
import { type OpaqueKey, pemOf } from "./opaque-key.js";
import { P256SecretKey } from "./p256.js";

const OWNER_ONLY = 0o600;
const OTHERS = 0o077;
const MAX_LENGTH = 4_096;

function errorCode(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !("code" in thrown)) return undefined;
  return typeof thrown.code === "string" ? thrown.code : undefined;
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const handle = await open(path, "wx", OWNER_ONLY);
  try {
    await handle.chmod(OWNER_ONLY);
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A link to the finished file: the name appears with its whole content or not at all, and never replaces another. */
async function createKeyFile(path: string, key: OpaqueKey, suffix: string): Promise<void> {
  const draft = `${path}.${suffix}.draft`;
  try {
    await writeDurably(draft, pemOf(key));
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

async function requirePrivate(handle: FileHandle, path: string): Promise<void> {
  const { mode, uid, size } = await handle.stat();
  if ((mode & constants.S_IFMT) !== constants.S_IFREG || size > MAX_LENGTH) {
    throw new LctKeysError("key-malformed", `${path} is not a key file`);
  }
  if ((mode & OTHERS) !== 0) {
    const octal = (mode & 0o7777).toString(8).padStart(4, "0");
    throw new LctKeysError(
      "key-permissions",
      `${path} has mode ${octal}: others could have used the key; it has to be 0600`,
    );
  }
  if (geteuid !== undefined && uid !== geteuid()) {
    throw new LctKeysError("key-permissions", `${path} belongs to user ${uid}, not to us`);
  }
}

async function openForReading(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    const code = errorCode(cause);
    if (code === "ENOENT") {
      throw new LctKeysError("key-missing", `there is no key file ${path}`, { cause });
    }
    if (code !== "ELOOP") throw cause;
    throw new LctKeysError("key-malformed", `${path} is a symbolic link`, { cause });
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

async function readKeyFile(path: string): Promise<KeyObject> {
  const handle = await openForReading(path);
  try {
    await requirePrivate(handle, path);
    return parsePem(await handle.readFile(), path);
  } finally {
    await handle.close();
  }
}

/** Draws a key and writes it; its directory exists. Throws `key-exists`. */
export async function createEd25519KeyFile(
  path: string,
  entropy: Entropy,
): Promise<Ed25519SecretKey> {
  const key = Ed25519SecretKey.generate(entropy);
  await createKeyFile(path, key, toHex(entropy.bytes(8)));
  return key;
}

/** Draws a key and writes it; its directory exists. Throws `key-exists`. */
export async function createP256KeyFile(path: string, entropy: Entropy): Promise<P256SecretKey> {
  const key = P256SecretKey.generate(entropy);
  await createKeyFile(path, key, toHex(entropy.bytes(8)));
  return key;
}

/** Throws `key-missing`, `key-permissions`, `key-malformed`. */
export async function openEd25519KeyFile(path: string): Promise<Ed25519SecretKey> {
  return new Ed25519SecretKey(await readKeyFile(path));
}

/** Throws `key-missing`, `key-permissions`, `key-malformed`. */
export async function openP256KeyFile(path: string): Promise<P256SecretKey> {
  return new P256SecretKey(await readKeyFile(path));
}
