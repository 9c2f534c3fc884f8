import { rename, writeFile } from "node:fs/promises";

/**
 * Replaces a file in one step, for its owner alone. Survives the end of this process at any point; it is not
 * flushed against a power cut, which costs a simulated pack only its last seconds.
 */
export async function writeAtomically(path: string, bytes: Uint8Array): Promise<void> {
  const draft = `${path}.new`;
  await writeFile(draft, bytes, { mode: 0o600 });
  await rename(draft, path);
}
