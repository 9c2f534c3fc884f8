import { utf8 } from "@wattseal/base";
import { expect } from "vitest";
import { formatCheckpoint } from "../note/checkpoint.js";
import { formatNote } from "../note/note.js";
import { rootOf } from "../tree/frontier.js";
import { leafHash } from "../tree/hash.js";
import { MemoryFiles } from "./memory-files.fixture.js";
import { LogStore } from "./store.js";

export const refusal = (code: string, message = /^/) =>
  expect.objectContaining({ name: "TlogError", code, message: expect.stringMatching(message) });
const DIRECTORY = { directory: "memory" };
export const open = (files: MemoryFiles, more = {}) =>
  LogStore.open({ ...DIRECTORY, ...more }, files);
export const readOnly = (files: MemoryFiles, more = {}) =>
  LogStore.openReadOnly({ ...DIRECTORY, ...more }, files);

/** Entry i: its index, so that one lost, doubled or moved shows. */
export const entryAt = (i: number) => utf8(`e${i}`);
export const entriesFrom = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => entryAt(from + i));
export const rootOfFirst = (size: number) =>
  rootOf(Array.from({ length: size }, (_, i) => leafHash(entryAt(i))));
export const texts = (log: { entries(): Iterable<Uint8Array> }) =>
  [...log.entries()].map((e) => Buffer.from(e).toString());
export const expected = (size: number) => Array.from({ length: size }, (_, i) => `e${i}`);

const signature = { name: "wattseal/log", keyId: "00000000", signature: new Uint8Array(64) };
export const noteOf = (size: number, root: Uint8Array) =>
  formatNote({
    text: formatCheckpoint({ origin: "wattseal/log", size, root }),
    signatures: [signature],
  });

export async function filled(size: number, headAt?: number): Promise<MemoryFiles> {
  const files = new MemoryFiles();
  const log = await open(files);
  await log.append(entriesFrom(0, size));
  if (headAt !== undefined) await log.writeHead(noteOf(headAt, log.root(headAt)));
  await log.close();
  return files;
}
