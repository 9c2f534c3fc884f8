import { messageOf } from "@wattseal/base";
import { TlogError, type TlogErrorCode } from "../errors.js";
import { isFull, type StoreFiles } from "./files.js";

/** The bundle in progress. */
export const JOURNAL = "journal";
/** The last signed head. */
export const CHECKPOINT = "checkpoint";
/** Below which entry the log was pruned; absent where it was not. */
export const FLOOR = "floor";
/** Of a pruned log: what proofs still need of what went. */
export const KEPT = "kept";
/** Marks a copy that is not whole yet: while it is there, the directory does not open. */
export const UNFINISHED = "unfinished";
/** Files that have no name yet; emptied at open. */
export const TEMPORARY = "tmp";
/** `damaged-1`, `damaged-2`, …: what mending a log replaced. */
export const DAMAGED = "damaged-";
export const TILES = "tile";
export const ENTRIES = `${TILES}/entries`;

const RECOVERY = "mend it from a copy of this log, or restore this log from the federation's copy";

interface Refusal extends ErrorOptions {
  /** Something to try before. */
  readonly first?: string;
}

/** Refusal of a stored file; the message names directory, file, place and the way out. */
export function refuseFile(
  files: StoreFiles,
  path: string,
  problem: string,
  code: TlogErrorCode = "corrupt",
  { first, ...options }: Refusal = {},
): never {
  const way = first === undefined ? RECOVERY : `${first}; failing that, ${RECOVERY}`;
  throw new TlogError(code, `log ${files.location}: ${path}: ${problem}; ${way}`, options);
}

/** For whoever asks for what pruning took: what is left, and where the rest is. */
export function prunedError(files: StoreFiles, what: string, floor: number): TlogError {
  const left = `${what} was pruned: entries from ${floor} on remain, the federation's copy has the rest`;
  return new TlogError("pruned", `log ${files.location}: ${left}`);
}

/** A failure of the storage; `then` says what follows from it. */
export function storageError(
  files: StoreFiles,
  doing: string,
  cause: unknown,
  then = "",
): TlogError {
  const full = isFull(cause);
  const problem = full ? "no space left on the storage" : messageOf(cause);
  const message = `log ${files.location}: ${problem} while ${doing}${then}`;
  return new TlogError(full ? "full" : "io", message, { cause });
}

export async function orStorageError<T>(
  files: StoreFiles,
  doing: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof TlogError ? error : storageError(files, doing, error);
  }
}
