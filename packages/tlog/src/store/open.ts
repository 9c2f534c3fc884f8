/**
 * Opening verifies everything: each bundle against its hash tile, each tile against the one above, each
 * journal record against its hash, and the whole against the last signed head.
 */
import { setImmediate } from "node:timers/promises";
import { bytesEqual, messageOf, toBase64 } from "@wattseal/base";
import { TlogError } from "../errors.js";
import { entriesPath, TILE_WIDTH, tilePath } from "../tiles.js";
import { rootAt } from "../tree/proofs.js";
import { LogContents } from "./contents.js";
import { readText } from "./documents.js";
import type { StoreFiles } from "./files.js";
import { type Floor, readFloor } from "./floor.js";
import { type ParsedJournal, parseJournal } from "./journal.js";
import { Kept } from "./kept.js";
import { CHECKPOINT, ENTRIES, JOURNAL, refuseFile, UNFINISHED } from "./layout.js";
import { type Head, headOf } from "./log.js";

/** Called with the head's note, to verify its signature; throws to refuse it. */
export type VerifyHead = (note: string) => void;

const BUNDLES_BETWEEN_YIELDS = 32;
/** Prunings that one opening beside a writer lives through. */
export const PRUNINGS = 3;

export interface LoadedLog {
  readonly contents: LogContents;
  readonly head: Head | undefined;
  /** Undefined: there is no log here yet. */
  readonly journal: ParsedJournal | undefined;
}

export function readHead(files: StoreFiles, verify: VerifyHead | undefined): Head | undefined {
  const note = readText(files, CHECKPOINT);
  if (note === undefined) return undefined;
  try {
    verify?.(note);
    return headOf(note);
  } catch (cause) {
    return refuseFile(files, CHECKPOINT, messageOf(cause), "corrupt", { cause });
  }
}

/** What a head and the entries that are here disagree on. */
export function headProblem(contents: LogContents, head: Head): string | undefined {
  const { size, root } = head.checkpoint;
  if (size > contents.size) {
    return `is over ${size} entries, of which ${contents.size} are here, where the ${JOURNAL} ends`;
  }
  const computed = rootAt(size, contents.node);
  if (bytesEqual(computed, root)) return undefined;
  return `its root of ${size} entries is ${toBase64(root)}, theirs is ${toBase64(computed)}`;
}

function parseExisting(
  files: StoreFiles,
  head: Head | undefined,
  floor: Floor,
): ParsedJournal | undefined {
  const bytes = files.read(JOURNAL);
  if (bytes !== undefined) return parseJournal(files, bytes);
  if (head !== undefined || floor.entry > 0 || files.list(ENTRIES).length > 0) {
    refuseFile(files, JOURNAL, "is missing although there are a head or entries");
  }
  return undefined;
}

/** A pruned log is held by its head: that alone says that the hashes in the floor's file are those of what went. */
function requireFloorHeld(files: StoreFiles, floor: number, head: Head | undefined): void {
  if (head === undefined) refuseFile(files, CHECKPOINT, "is missing although the log was pruned");
  const { size } = head.checkpoint;
  if (size < floor) refuseFile(files, CHECKPOINT, `is over ${size} entries, pruned below ${floor}`);
}

function requireFirst(files: StoreFiles, first: number, floor: number): void {
  if (first % TILE_WIDTH !== 0) {
    refuseFile(files, JOURNAL, `begins at entry ${first}, inside a bundle (at byte 8)`);
  }
  if (first < floor) {
    const problem = `begins at entry ${first} (at byte 8) of a log that was pruned below ${floor}`;
    refuseFile(files, JOURNAL, problem);
  }
}

export function requireFinished(files: StoreFiles): void {
  if (files.read(UNFINISHED) === undefined) return;
  const way = "make the backup again in a new directory";
  throw new TlogError("unfinished", `log ${files.location}: is a backup cut short; ${way}`);
}

export function isPruned(error: unknown): boolean {
  return error instanceof TlogError && error.code === "pruned";
}

/**
 * Reads and verifies; writes nothing, so it works beside a writer: floor before head, head before journal, journal
 * before bundles. A writer that prunes meanwhile takes bundles away; reading then begins again, at the new floor.
 */
export async function loadLog(files: StoreFiles, verify?: VerifyHead): Promise<LoadedLog> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      requireFinished(files);
      return await loadFiles(files, verify);
    } catch (error) {
      if (!isPruned(error) || attempt === PRUNINGS) throw error;
    }
  }
}

/** What `loadLog` does once; takes an unfinished copy for a log, which is for who makes it to verify. */
export async function loadFiles(
  files: StoreFiles,
  verify: VerifyHead | undefined,
): Promise<LoadedLog> {
  const floor = readFloor(files);
  const head = readHead(files, verify);
  const journal = parseExisting(files, head, floor);
  const contents = new LogContents(files, floor, Kept.read(files));
  if (journal === undefined) return { contents, head, journal };
  if (floor.entry > 0) requireFloorHeld(files, floor.entry, head);
  requireFirst(files, journal.first, floor.entry);
  const first = floor.entry / TILE_WIDTH;
  for (let bundle = first; bundle < journal.first / TILE_WIDTH; bundle += 1) {
    contents.verifyNextBundle();
    if (bundle % BUNDLES_BETWEEN_YIELDS === 0) await setImmediate();
  }
  for (const record of journal.records) contents.append(record);
  const problem = head === undefined ? undefined : headProblem(contents, head);
  if (problem !== undefined) refuseFile(files, CHECKPOINT, problem, "head-mismatch");
  return { contents, head, journal };
}

/** For a writer: what a sealing that was cut short left behind has to be what the journal holds, and no more. */
export function checkUnfinishedSeal(files: StoreFiles, contents: LogContents): void {
  for (const { path, bytes } of contents.filesToSeal()) {
    const found = files.read(path);
    if (found !== undefined && !bytesEqual(found, bytes)) {
      refuseFile(files, path, "does not match the journal");
    }
  }
  const next = contents.unsealedFrom / TILE_WIDTH;
  for (const path of [entriesPath(next), tilePath(0, next)]) {
    if (files.read(path) !== undefined) {
      refuseFile(files, path, `lies beyond the journal, which ends at entry ${contents.size}`);
    }
  }
}

export function missingLog(files: StoreFiles): TlogError {
  return new TlogError("missing", `log ${files.location}: there is no log here`);
}
