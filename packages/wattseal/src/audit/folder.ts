import { readdir, readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { messageOf } from "@wattseal/base";
import { RECEIPT_PREFIX } from "@wattseal/gateway";
import { LogStore, type StoredLog } from "@wattseal/tlog/store";
import { type AuditReport, auditLog, decodeTrust, type Trust } from "@wattseal/verifier";
import { CliError } from "../errors.js";

/** The accepted authorities and witnesses in a file, as named on the command line. */
export async function readTrust(file: string | undefined): Promise<Trust | undefined> {
  if (file === undefined) return undefined;
  const bytes = await readFile(resolve(file)).catch((cause: unknown) => {
    throw new CliError("usage", `${file} cannot be read: ${messageOf(cause)}`, { cause });
  });
  return decodeTrust(bytes);
}

/** Opens a log's folder to read it; a gateway may be writing to it. */
export function openLog(path: string): Promise<StoredLog> {
  return LogStore.openReadOnly({ directory: resolve(path) });
}

/** Every receipt that the gateway keeps beside its log; who signed it is for the verifier to judge. */
export async function receiptsOf(path: string, log: StoredLog): Promise<readonly string[]> {
  const names = (await readdir(resolve(path))).filter((name) => name.startsWith(RECEIPT_PREFIX));
  return names.map((name) => log.readDocument(name)).filter((text) => text !== undefined);
}

/** Audits a log's folder with the verifier alone. Throws what opening found wrong with the files. */
export async function auditFolder(
  path: string,
  trust: Trust | undefined,
  progress?: (entries: number, of: number) => void,
): Promise<AuditReport> {
  const log = await openLog(path);
  const size = log.durableSize;
  return auditLog(
    {
      entries: log.entries(),
      checkpoint: log.head?.note,
      receipts: await receiptsOf(path, log),
    },
    { trust, progress: (entries) => progress?.(entries, size) },
  );
}
