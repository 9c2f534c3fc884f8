import { type FileHandle, mkdir, open, readdir, readFile, stat, unlink } from "node:fs/promises";
import { join } from "node:path";

/** A file that is only written at its end. */
export interface EvidenceFile {
  append(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** What the store needs of a folder. Failures are those of node:fs. */
export interface EvidenceFiles {
  /** Names and bytes of what is there; none where there is no folder. */
  list(): Promise<readonly { readonly name: string; readonly size: number }[]>;
  /** Makes the folder where there is none; fails where the name is taken. */
  create(name: string): Promise<EvidenceFile>;
  /** Undefined where it has gone meanwhile. */
  read(name: string): Promise<Uint8Array | undefined>;
  remove(name: string): Promise<void>;
}

/**
 * A folder of the state folder. Who can read it learns what modules measured, and the keys of sessions that have
 * ended; who can write it can destroy evidence, but not alter what an interval's digest covers.
 */
export function nodeEvidenceFiles(directory: string): EvidenceFiles {
  const at = (name: string) => join(directory, name);
  return {
    async list() {
      const names = (await orAbsent(readdir(directory))) ?? [];
      const found = names.map(async (name) => ({ name, of: await orAbsent(stat(at(name))) }));
      return (await Promise.all(found)).flatMap(({ name, of }) =>
        of === undefined ? [] : [{ name, size: of.size }],
      );
    },
    async create(name) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      return appended(await open(at(name), "wx", 0o600));
    },
    read: (name) => orAbsent(readFile(at(name))),
    remove: (name) => unlink(at(name)),
  };
}

function orAbsent<T>(found: Promise<T>): Promise<T | undefined> {
  return found.catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  });
}

/** Written in order, each write whole; nothing is synced: what a power cut takes shows as missing. */
function appended(file: FileHandle): EvidenceFile {
  return {
    append: (bytes) => file.appendFile(bytes),
    close: () => file.close(),
  };
}
