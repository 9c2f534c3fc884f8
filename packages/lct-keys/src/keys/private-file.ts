/** Files that hold secrets: mode 0600, owned by who runs us, no links. */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { geteuid } from "node:process";
import { LctKeysError } from "../verify/errors.js";

const OWNER_ONLY = 0o600;
const OTHERS = 0o077;

/** What the file is, for messages, and its longest length in bytes. */
export interface PrivateFileKind {
  readonly what: string;
  readonly most: number;
}

/** The code of a system error; undefined for any other. */
export function errorCode(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !("code" in thrown)) return undefined;
  return typeof thrown.code === "string" ? thrown.code : undefined;
}

/** Makes a created, renamed or removed name survive a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Creates the file; durable, except for its name. */
export async function createPrivately(path: string, content: string | Uint8Array): Promise<void> {
  const handle = await open(path, "wx", OWNER_ONLY);
  try {
    await handle.chmod(OWNER_ONLY);
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function requirePrivate(handle: FileHandle, path: string, kind: PrivateFileKind) {
  const { mode, uid, size } = await handle.stat();
  if ((mode & constants.S_IFMT) !== constants.S_IFREG || size > kind.most) {
    throw new LctKeysError("key-malformed", `${path} is not a ${kind.what}`);
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

async function openForReading(path: string, { what }: PrivateFileKind): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    const code = errorCode(cause);
    if (code === "ENOENT") {
      throw new LctKeysError("key-missing", `there is no ${what} ${path}`, { cause });
    }
    if (code !== "ELOOP") throw cause;
    throw new LctKeysError("key-malformed", `${path} is a symbolic link`, { cause });
  }
}

/** The caller wipes what it gets. Throws `key-missing`, `key-permissions`, `key-malformed`. */
export async function readPrivately(path: string, kind: PrivateFileKind): Promise<Buffer> {
  const handle = await openForReading(path, kind);
  try {
    await requirePrivate(handle, path, kind);
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}
