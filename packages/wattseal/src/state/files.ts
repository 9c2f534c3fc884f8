import { lstat, mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { CliError } from "../errors.js";

export async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** Creates the folder, readable by its owner alone. */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
}

/** Whole or not at all, and durable; secrets are given mode 0600. */
export async function writeWhole(
  path: string,
  content: Uint8Array | string,
  mode: 0o600 | 0o644,
): Promise<void> {
  const temporary = `${path}.new`;
  const file = await open(temporary, "w", mode);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

const MADE_BY_INIT = "Make it with: wattseal init --demo";

/** Reads a secret and refuses one that others can read. `whence`: where a missing one would have come from. */
export async function readSecret(path: string, whence = MADE_BY_INIT): Promise<Uint8Array> {
  const { mode } = await lstat(path).catch((cause: unknown) => {
    throw new CliError("state-missing", `${path} is missing. ${whence}`, { cause });
  });
  if ((mode & 0o077) !== 0) {
    throw new CliError("config", `${path} can be read by others. Cure: chmod 600 ${path}`);
  }
  return readFile(path);
}

export async function readRequired(path: string): Promise<Uint8Array> {
  return readFile(path).catch((cause: unknown) => {
    throw new CliError("state-missing", `${path} is missing. ${MADE_BY_INIT}`, { cause });
  });
}
