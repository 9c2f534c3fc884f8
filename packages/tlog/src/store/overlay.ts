import { TlogError } from "../errors.js";
import type { StoreFiles } from "./files.js";

/** Files as they would be with some of them replaced; to read only. `content` gives undefined for one that goes. */
export function overlaid(
  files: StoreFiles,
  changes: ReadonlyMap<string, { readonly content: () => Uint8Array | undefined }>,
): StoreFiles {
  const never = () => Promise.reject(new TlogError("closed", `${files.location}: is a plan`));
  return {
    location: files.location,
    read: (path) => {
      const change = changes.get(path);
      return change === undefined ? files.read(path) : change.content();
    },
    list: (path) => files.list(path),
    lock: never,
    makeDirectory: never,
    writeFiles: never,
    rename: never,
    remove: never,
    removeDirectory: never,
    syncDirectory: never,
    openAppend: never,
  };
}
