import { open, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Replaces a file in one step, for its owner alone. Survives the end of this process at any point; it is not
 * flushed against a power cut, which costs a simulated pack only its last seconds.
 */
export async function writeAtomically(path: string, bytes: Uint8Array): Promise<void> {
  const draft = `${path}.new`;
  await writeFile(draft, bytes, { mode: 0o600 });
  await rename(draft, path);
}

/** As `writeAtomically`; when it settles, a power cut does not undo it either. */
export async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const draft = `${path}.new`;
  await writeFile(draft, bytes, { mode: 0o600, flush: true });
  await rename(draft, path);
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
