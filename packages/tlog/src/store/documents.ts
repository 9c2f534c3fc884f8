/** Files of a writer beside the log, mostly small texts: written whole or not at all. What they say is for others to check. */
import { fromUtf8, messageOf, utf8 } from "@wattseal/base";
import { TlogError } from "../errors.js";
import type { StoreFiles } from "./files.js";
import {
  CHECKPOINT,
  DAMAGED,
  FLOOR,
  JOURNAL,
  KEPT,
  refuseFile,
  TEMPORARY,
  TILES,
  UNFINISHED,
} from "./layout.js";

const RESERVED: readonly string[] = [
  JOURNAL,
  CHECKPOINT,
  FLOOR,
  KEPT,
  UNFINISHED,
  TEMPORARY,
  TILES,
  "lock",
];

function isDocumentName(name: string): boolean {
  const reserved = RESERVED.includes(name) || name.startsWith(DAMAGED);
  return /^[a-z0-9][a-z0-9._-]{0,63}$/.test(name) && !reserved;
}

function requireName(name: string): void {
  if (!isDocumentName(name)) {
    throw new TlogError("range", `${JSON.stringify(name)} is not a document's name`);
  }
}

export function readText(files: StoreFiles, path: string): string | undefined {
  const bytes = files.read(path);
  if (bytes === undefined) return undefined;
  try {
    return fromUtf8(bytes, path);
  } catch (cause) {
    return refuseFile(files, path, messageOf(cause), "corrupt", { cause });
  }
}

/** Replaces a file in one step; durable when it returns. */
export async function replaceFile(
  files: StoreFiles,
  path: string,
  bytes: Uint8Array,
): Promise<void> {
  const temporary = `${TEMPORARY}/${path}`;
  await files.writeFiles([{ path: temporary, bytes }]);
  await files.rename(temporary, path);
  await files.syncDirectory("");
}

export function readDocument(files: StoreFiles, name: string): string | undefined {
  requireName(name);
  return readText(files, name);
}

export function readDocumentBytes(files: StoreFiles, name: string): Uint8Array | undefined {
  requireName(name);
  return files.read(name);
}

export function documentNames(files: StoreFiles): readonly string[] {
  return files.list("").filter(isDocumentName);
}

export async function writeDocument(
  files: StoreFiles,
  name: string,
  content: string | Uint8Array,
): Promise<void> {
  requireName(name);
  await replaceFile(files, name, typeof content === "string" ? utf8(content) : content);
}

export async function removeDocument(files: StoreFiles, name: string): Promise<void> {
  requireName(name);
  await files.remove(name);
  await files.syncDirectory("");
}
