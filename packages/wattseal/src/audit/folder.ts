import { readdir, readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { messageOf, WattsealError } from "@wattseal/base";
import { RECEIPT_PREFIX } from "@wattseal/gateway";
import { LogStore, type StoredLog } from "@wattseal/tlog/store";
import {
  type AuditDifference,
  type AuditReport,
  auditLog,
  checkSnapshots,
  decodeTrust,
  firstReplay,
  type LogReplay,
  notesOver,
  type Trust,
  type Verdict,
} from "@wattseal/verifier";
import { CliError } from "../errors.js";

/** The accepted authorities and witnesses in a file, as named on the command line. */
export async function readTrust(file: string | undefined): Promise<Trust | undefined> {
  if (file === undefined) return undefined;
  const bytes = await readFile(resolve(file)).catch((cause: unknown) => {
    throw new CliError("usage", `${file} cannot be read: ${messageOf(cause)}`, { cause });
  });
  try {
    return decodeTrust(bytes);
  } catch (cause) {
    throw new CliError("usage", `${file}: ${messageOf(cause)}`, { cause });
  }
}

/** Opens a log's folder to read it; a gateway may be writing to it. */
export async function openLog(path: string): Promise<StoredLog> {
  const found = await stat(resolve(path)).catch(() => undefined);
  if (found !== undefined && !found.isDirectory()) {
    throw new CliError("usage", `${path} is no folder: name the folder of a log`);
  }
  return LogStore.openReadOnly({ directory: resolve(path) });
}

/** Every receipt that the gateway keeps beside its log; who signed it is for the verifier to judge. */
async function receiptsOf(path: string, log: StoredLog): Promise<readonly string[]> {
  const names = (await readdir(resolve(path))).filter((name) => name.startsWith(RECEIPT_PREFIX));
  return names.map((name) => log.readDocument(name)).filter((text) => text !== undefined);
}

/** What a proof of entry `index` stands on: the receipts of everyone who has one over it, else the log's own head. */
export async function noteOver(
  path: string,
  log: StoredLog,
  index: number,
): Promise<{
  readonly note: string;
  /** Receipts over more entries, of witnesses that have not cosigned the note. */
  readonly further: readonly string[];
  readonly witnessed: boolean;
}> {
  const [receipt, ...further] = notesOver(await receiptsOf(path, log), index);
  if (receipt !== undefined) return { note: receipt, further, witnessed: true };
  const { head } = log;
  if (head !== undefined && head.checkpoint.size > index) {
    return { note: head.note, further: [], witnessed: false };
  }
  throw new CliError(
    "usage",
    `entry ${index} is not signed yet: a checkpoint follows within 10 s. Try again then.`,
  );
}

/** What an audit of a folder found: the files themselves, then what they say. */
export interface FolderAudit {
  readonly verdict: Verdict;
  /** The first thing that does not hold, with its place. */
  readonly problem: string | undefined;
  /** Entries that hold. */
  readonly entries: number;
  /** Bytes of a last record that was never finished, and so never acknowledged; 0 as a rule. */
  readonly tornBytes: number;
  /** Absent when the files could not even be opened. */
  readonly report: AuditReport | undefined;
}

/** Audits a log's folder with the verifier alone. Throws only when there is no log. */
export async function auditFolder(
  path: string,
  trust: Trust | undefined,
  progress?: (entries: number, of: number) => void,
): Promise<FolderAudit> {
  let log: StoredLog;
  let receipts: readonly string[];
  try {
    log = await openLog(path);
    receipts = await receiptsOf(path, log);
  } catch (error) {
    const usage = error instanceof CliError || !(error instanceof WattsealError);
    if (usage || error.code === "missing") throw error;
    const problem = error.message;
    return { verdict: "refused", problem, entries: 0, tornBytes: 0, report: undefined };
  }
  const size = log.durableSize;
  const tornBytes = log.opened.cut?.bytes ?? 0;
  let from: LogReplay;
  try {
    from = firstReplay(log, trust);
  } catch (error) {
    const problem = messageOf(error);
    return { verdict: "refused", problem, entries: 0, tornBytes, report: undefined };
  }
  const report = await auditLog(
    { from, entries: log.entries(from.size), checkpoint: log.head?.note, receipts },
    { trust, progress: (entries) => progress?.(entries, size) },
  );
  const { verdict } = report;
  const beside = report.difference === undefined ? checkSnapshots(log).problem : undefined;
  const difference = report.difference ?? beside;
  return {
    verdict: difference === undefined ? verdict : "refused",
    problem: difference === undefined ? undefined : `${placeOf(difference)}: ${difference.reason}`,
    // snapshots beside the log are caches, and still have to be what the log says of them
    entries: beside?.entries ?? report.entries,
    tornBytes,
    report,
  };
}

function placeOf({ index }: Pick<AuditDifference, "index">): string {
  return index === undefined ? "head" : `entry ${index}`;
}
