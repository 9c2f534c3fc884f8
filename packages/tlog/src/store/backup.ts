/**
 * A copy of a log that a writer may be appending to, sealing and pruning meanwhile: what is read is what a reader
 * would read, in the same order (open.ts), so the copy is the log as it was at one moment.
 *
 * Trust: a backup holds what the log's directory holds, and is open to whoever can write there in the same way. It
 * is older than the log from the next entry on: put in the log's place it is a rollback, which the signer's state
 * and the witness's receipts show, not the files.
 */
import { utf8 } from "@wattseal/base";
import { TlogError } from "../errors.js";
import { entriesPath, TILE_WIDTH, tilePath } from "../tiles.js";
import { documentNames } from "./documents.js";
import { type NewFile, nodeFiles, type StoreFiles } from "./files.js";
import { encodeFloor, readFloor } from "./floor.js";
import { parseJournal } from "./journal.js";
import { CHECKPOINT, FLOOR, JOURNAL, KEPT, orStorageError, UNFINISHED } from "./layout.js";
import { openResult, StoredLog } from "./log.js";
import { isPruned, loadFiles, missingLog, PRUNINGS, type VerifyHead } from "./open.js";
import { removeBelow } from "./prune.js";
import { writeNamed } from "./seal.js";
import { SealedFiles } from "./sealed.js";

export interface BackupOptions {
  /** The log's directory. */
  readonly source: string;
  /** Where the copy goes: an empty directory, or one that is not there yet. */
  readonly destination: string;
  /** Verifies the copied head's signature; the store itself compares size and root only. */
  readonly verifyHead?: VerifyHead;
  /** Called now and then with the entries that are copied, and how many there are to copy. */
  readonly progress?: (copied: number, of: number) => void;
}

const MARK = "A backup is being made here, or was cut short. This is no log yet.\n";
/** Bundles that are read and then synced together. */
const AT_ONCE = 32;

async function begin(to: StoreFiles): Promise<void> {
  const found = to.list("").filter((name) => name !== "lock");
  if (found.includes(UNFINISHED)) {
    const problem = "holds a backup that was cut short; remove the directory and begin again";
    throw new TlogError("not-empty", `${to.location}: ${problem}`);
  }
  if (found.length > 0) {
    throw new TlogError("not-empty", `${to.location}: is not empty; name a new directory`);
  }
  await to.writeFiles([{ path: UNFINISHED, bytes: utf8(MARK) }]);
  await to.syncDirectory("");
}

function documentsOf(files: StoreFiles): readonly NewFile[] {
  return documentNames(files).flatMap((path) => {
    const bytes = files.read(path);
    return bytes === undefined ? [] : [{ path, bytes }];
  });
}

/** Whole tiles above level 0 that reach from the floor upwards and are complete at entry `end`. */
export function upperTiles(floor: number, end: number) {
  const found: { level: number; index: number }[] = [];
  for (let level = 1; TILE_WIDTH ** (level + 1) <= end; level += 1) {
    const span = TILE_WIDTH ** (level + 1);
    for (let index = Math.floor(floor / span); (index + 1) * span <= end; index += 1) {
      found.push({ level, index });
    }
  }
  return found;
}

async function copy(
  from: StoreFiles,
  to: StoreFiles,
  progress: BackupOptions["progress"],
): Promise<void> {
  const floor = readFloor(from);
  const documents = documentsOf(from);
  const head = from.read(CHECKPOINT);
  const bytes = from.read(JOURNAL);
  if (bytes === undefined) throw missingLog(from);
  const journal = parseJournal(from, bytes);
  const sealed = new SealedFiles(from, floor.entry);

  const end = journal.first / TILE_WIDTH;
  for (let bundle = floor.entry / TILE_WIDTH; bundle < end; bundle += AT_ONCE) {
    const indexes = Array.from({ length: Math.min(AT_ONCE, end - bundle) }, (_, i) => bundle + i);
    const files = indexes.flatMap((index) => [
      { path: entriesPath(index), bytes: sealed.bundle(index) },
      { path: tilePath(0, index), bytes: sealed.tile(0, index) },
    ]);
    await writeNamed(to, files);
    progress?.((bundle + indexes.length) * TILE_WIDTH - floor.entry, journal.first - floor.entry);
  }
  for (const { level, index } of upperTiles(floor.entry, journal.first)) {
    await writeNamed(to, [{ path: tilePath(level, index), bytes: sealed.tile(level, index) }]);
  }

  const texts = [...documents];
  if (floor.entry > 0) texts.push({ path: FLOOR, bytes: encodeFloor(floor) });
  const kept = from.read(KEPT);
  if (kept !== undefined) texts.push({ path: KEPT, bytes: kept });
  if (head !== undefined) texts.push({ path: CHECKPOINT, bytes: head });
  // without a journal no directory opens that has a head or entries
  const complete = { path: JOURNAL, bytes: bytes.subarray(0, journal.length) };
  await writeNamed(to, texts);
  await writeNamed(to, [complete]);
  await removeBelow(to, floor.entry);
}

/** Copies; where the writer prunes meanwhile, what is not copied yet may be gone, and copying goes on at the new floor. */
async function copyAll(
  from: StoreFiles,
  to: StoreFiles,
  progress: BackupOptions["progress"],
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await copy(from, to, progress);
    } catch (error) {
      if (!isPruned(error) || attempt === PRUNINGS) throw error;
    }
  }
}

/**
 * Copies a log, as it is at one moment, while its writer goes on; durable and verified when it returns: the copy,
 * opened to read. Until then the destination is marked as unfinished and does not open. Throws TlogError
 * "not-empty" for the destination; "missing", "corrupt", "head-mismatch" for the log; "io", "full", "locked".
 */
export async function backupLog(
  options: BackupOptions,
  from: StoreFiles = nodeFiles(options.source),
  to: StoreFiles = nodeFiles(options.destination),
): Promise<StoredLog> {
  if (from.read(JOURNAL) === undefined) throw missingLog(from);
  const unlock = await orStorageError(to, "locking it", () => to.lock());
  try {
    return await orStorageError(to, "writing a backup", async () => {
      await begin(to);
      await copyAll(from, to, options.progress);
      const { journal, ...found } = await loadFiles(to, options.verifyHead);
      if (journal === undefined) throw missingLog(to);
      await to.remove(UNFINISHED);
      await to.syncDirectory("");
      return new StoredLog({ files: to, ...found, opened: openResult(journal) });
    });
  } finally {
    await unlock();
  }
}
