import { posix } from "node:path";
import type { LogContents } from "./contents.js";
import type { NewFile, StoreFiles } from "./files.js";
import { TEMPORARY } from "./layout.js";

/** Files written at a time: enough to keep the storage busy, few enough for any limit on open files. */
const AT_ONCE = 8;

async function writeGroup(files: StoreFiles, group: readonly NewFile[]): Promise<void> {
  const temporary = (path: string) => `${TEMPORARY}/${path.replaceAll("/", "-")}`;
  await files.writeFiles(group.map(({ path, bytes }) => ({ path: temporary(path), bytes })));
  for (const { path } of group) await files.rename(temporary(path), path);
}

/** Writes files under their own names, durably; nobody reads them before. */
export async function writeNamed(to: StoreFiles, written: readonly NewFile[]): Promise<void> {
  const directories = new Set(written.map(({ path }) => posix.dirname(path)));
  for (const directory of directories) await to.makeDirectory(directory);
  await to.writeFiles(written);
  for (const directory of directories) await to.syncDirectory(directory);
}

/** Writes files, each in one step over any that is there: content synced, then named, then the names synced. */
export async function replaceFiles(files: StoreFiles, written: readonly NewFile[]): Promise<void> {
  const directories = new Set(written.map(({ path }) => posix.dirname(path)));
  for (const directory of directories) await files.makeDirectory(directory);
  for (let from = 0; from < written.length; from += AT_ONCE) {
    await writeGroup(files, written.slice(from, from + AT_ONCE));
  }
  for (const directory of directories) await files.syncDirectory(directory);
}

/**
 * Writes the complete bundles and tiles. Until the caller starts a new journal after this, the old one holds all of
 * it and the work can be done again.
 */
export function writeSealed(files: StoreFiles, contents: LogContents): Promise<void> {
  return replaceFiles(files, contents.filesToSeal());
}
