import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { SmallFile } from "./start-bucket.js";
import { writeWhole } from "./state-files.js";

/** `name` in an existing directory. */
export function smallFile(directory: string, name: string): SmallFile {
  const path = join(directory, name);
  return {
    async read() {
      try {
        return await readFile(path);
      } catch (cause) {
        if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
        throw cause;
      }
    },
    write: (content) => writeWhole(directory, path, content),
  };
}
