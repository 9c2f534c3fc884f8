/**
 * Mending a damaged log from a copy of it. What the mended log would be is verified as at every start, up to the
 * log's own signed head, before a byte is written: so nothing signed is ever given up, and a copy of another log, or
 * of one that went another way, is refused. Every write puts a verified file in the place of a damaged one, whose
 * bytes are kept first; a mending that was cut short is begun again.
 */
import { TlogError } from "../errors.js";
import { nodeFiles, type StoreFiles } from "./files.js";
import { DAMAGED, orStorageError, TEMPORARY } from "./layout.js";
import { openResult, StoredLog } from "./log.js";
import { loadLog, missingLog, requireFinished, type VerifyHead } from "./open.js";
import { type Change, type Mended, planRepair } from "./repair-plan.js";
import { replaceFiles, writeNamed } from "./seal.js";

export type { Mended } from "./repair-plan.js";

export interface RepairOptions {
  /** The damaged log's directory; no writer may have it open. */
  readonly directory: string;
  /** The directory of a copy of the same log: a backup, or a copied disk. Read only. */
  readonly copy: string;
  /** Verifies the signatures of both heads; the store itself compares sizes and roots only. */
  readonly verifyHead?: VerifyHead;
}

export interface Repaired {
  /** Opened to read, as verified after mending. */
  readonly log: StoredLog;
  /** Empty where nothing was damaged. */
  readonly mended: readonly Mended[];
  /** The folder in the log's directory that has what was replaced; undefined where nothing was. */
  readonly damaged: string | undefined;
}

/** Files that are replaced and then synced together. */
const AT_ONCE = 32;

function folderFor(files: StoreFiles): string {
  for (let n = 1; ; n += 1) {
    if (files.list(`${DAMAGED}${n}`).length === 0) return `${DAMAGED}${n}`;
  }
}

async function replace(
  files: StoreFiles,
  changes: readonly Change[],
  folder: string,
): Promise<boolean> {
  const old = changes.flatMap(({ path }) => {
    const bytes = files.read(path);
    return bytes === undefined ? [] : [{ path: `${folder}/${path}`, bytes }];
  });
  await writeNamed(files, old);
  const written = changes.flatMap(({ path, content }) => {
    const bytes = content();
    return bytes === undefined ? [] : [{ path, bytes }];
  });
  await replaceFiles(files, written);
  for (const { path } of changes.filter(({ content }) => content() === undefined)) {
    await files.remove(path);
    await files.syncDirectory("");
  }
  return old.length > 0;
}

/**
 * Takes bundles and tiles that are missing or damaged from the copy, and keeps the journal as far as its records are
 * intact or the copy has them. Durable and verified when it returns. Throws TlogError "unmended" where not
 * everything signed comes back, or the copy is not of this log: nothing is changed then; "corrupt", "head-mismatch"
 * for the copy; "missing", "unfinished", "locked", "io", "full".
 */
export async function repairLog(
  options: RepairOptions,
  files: StoreFiles = nodeFiles(options.directory),
  from: StoreFiles = nodeFiles(options.copy),
): Promise<Repaired> {
  if (files.list("").length === 0) throw missingLog(files);
  requireFinished(files);
  const unlock = await orStorageError(files, "locking it", () => files.lock());
  try {
    return await orStorageError(files, "mending it", async () => {
      const copy = await loadLog(from, options.verifyHead);
      if (copy.journal === undefined) throw missingLog(from);
      const { journal: first } = copy;
      const source = { files: from, ...copy, sealedEnd: first.first };
      const { changes, mended } = await planRepair(files, source, options.verifyHead);
      const folder = folderFor(files);
      let kept = false;
      if (changes.length > 0) await files.makeDirectory(TEMPORARY);
      for (let at = 0; at < changes.length; at += AT_ONCE) {
        kept = (await replace(files, changes.slice(at, at + AT_ONCE), folder)) || kept;
      }
      const { journal, ...found } = await loadLog(files, options.verifyHead);
      if (journal === undefined) throw new TlogError("missing", `log ${files.location}: is gone`);
      const log = new StoredLog({ files, ...found, opened: openResult(journal) });
      return { log, mended, damaged: kept ? folder : undefined };
    });
  } finally {
    await unlock();
  }
}
