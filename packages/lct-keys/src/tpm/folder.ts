/** The folder that holds what is kept outside the TPM, and what a power cut may leave of it. */
import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { createPrivately, readPrivately, syncDirectory } from "../keys/private-file.js";
import { MOST_IDENTITY_BYTES } from "./identity.js";

/** Small private files; each is there with one whole content or another, or not at all. Changes survive a power cut. */
export interface TpmFolder {
  names(): Promise<readonly string[]>;
  /** Throws LctKeysError `key-missing`, `key-permissions`, `key-malformed`. */
  read(name: string): Promise<Uint8Array>;
  write(name: string, content: Uint8Array): Promise<void>;
  /** Also where there is none. */
  remove(name: string): Promise<void>;
}

const KIND = { what: "file of a TPM identity", most: MOST_IDENTITY_BYTES } as const;

/** `directory` exists and is its owner's alone. */
export function tpmFolder(directory: string): TpmFolder {
  return {
    names: () => readdir(directory),
    read: (name) => readPrivately(join(directory, name), KIND),
    async write(name, content) {
      const path = join(directory, name);
      const draft = `${path}.draft`;
      await rm(draft, { force: true }); // a cut may have left one
      await createPrivately(draft, content);
      await rename(draft, path);
      await syncDirectory(directory);
    },
    async remove(name) {
      const path = join(directory, name);
      await rm(`${path}.draft`, { force: true });
      await rm(path, { force: true });
      await syncDirectory(directory);
    },
  };
}
