/** Where a log can be had back from: a federation's query API, or the folder of a copy. */
import { readFile, rm, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { fromUtf8, messageOf } from "@wattseal/base";
import { QueryClient } from "@wattseal/federation";
import { fetchLog, GatewayError, type KnownHead } from "@wattseal/gateway";
import { TlogError, unverifiedCheckpoint } from "@wattseal/tlog";
import { backupLog, LogStore } from "@wattseal/tlog/store";
import type { Destination, PackName } from "@wattseal/uplink";
import { CliError } from "../errors.js";
import { systemClock } from "../ports/system.js";
import { exists, readSecret } from "../state/files.js";

export type Progress = (entries: number, of: number) => void;

/** Unverified, but for what opening a folder verifies. */
export interface LogCopy {
  readonly kind: "federation" | "backup";
  /** URL or folder. */
  readonly name: string;
  readonly size: number;
  readonly heads: readonly KnownHead[];
  /** Makes the copy in a folder of its own, going on where an earlier call was cut. */
  make(directory: string, progress: Progress): Promise<void>;
}

export interface CopyOptions {
  /** File with the token of the query API. */
  readonly token?: string;
  /** PEM file of the authority that signed the server's certificate. */
  readonly ca?: string;
}

export const isUrl = (from: string) => /^https?:\/\//.test(from);

/** Throws CliError `usage` for a token or CA that is not there. */
export async function clientFor(url: string, { token, ca }: CopyOptions): Promise<QueryClient> {
  if (token === undefined) {
    throw new CliError("usage", `${url}: name the file of its token: --token FILE`);
  }
  const given = fromUtf8(await readSecret(resolve(token), "--token names it")).trim();
  const pem = ca === undefined ? {} : { ca: await pemIn(ca) };
  return new QueryClient({ url, token: given, ...pem, clock: systemClock() });
}

function pemIn(path: string): Promise<string> {
  return readFile(resolve(path), "utf8").catch((cause: unknown) => {
    throw new CliError("usage", `${path} cannot be read: ${messageOf(cause)}`, { cause });
  });
}

/** Undefined where nothing of this pack is there. */
export async function federationCopy(
  client: Pick<QueryClient, "url" | "pack" | "receipt" | "entries">,
  pack: PackName,
  destinations: readonly Destination[],
): Promise<LogCopy | undefined> {
  const view = await client.pack(pack);
  const receipt = await client.receipt(pack);
  if (view === undefined || receipt === undefined) return undefined;
  const { size } = unverifiedCheckpoint(receipt);
  const where = client.url;
  const entries = (from: number) => client.entries(pack, from, size);
  return {
    kind: "federation",
    name: where,
    size,
    heads: [{ where, note: receipt }],
    async make(directory, progress) {
      const fetched = { directory, offered: { receipt, size, entries }, destinations, progress };
      await withoutBroken(directory, size);
      await fetchLog(fetched);
    },
  };
}

/**
 * What `take` makes of the copy that `make` makes in `directory`. Where what an earlier call left there turns out to be of
 * another log, it goes, and both are tried once more; nothing that was refused stays there.
 */
export async function staged<T>(
  directory: string,
  make: () => Promise<void>,
  take: () => Promise<T>,
): Promise<T> {
  const goesOn = await exists(directory);
  try {
    await make();
    return await take();
  } catch (error) {
    if (!isOfAnother(error)) throw error;
    await rm(directory, { recursive: true, force: true });
    if (!goesOn) throw error;
    return staged(directory, make, take);
  }
}

function isOfAnother(error: unknown): boolean {
  if (error instanceof TlogError) return error.code === "head-mismatch";
  return error instanceof GatewayError && error.code === "copy-refused";
}

/** What an earlier call left is gone on from, as far as it is a log: it is verified with the rest. */
async function withoutBroken(directory: string, most: number): Promise<void> {
  try {
    const log = await LogStore.openReadOnly({ directory });
    if (log.firstEntry === 0 && log.durableSize <= most) return;
  } catch (error) {
    if (error instanceof TlogError && error.code === "missing") return;
  }
  await rm(directory, { recursive: true, force: true });
}

/** The folder of a log, such as `wattseal ledger backup` makes. Throws CliError `usage`, TlogError. */
export async function folderCopy(path: string): Promise<LogCopy> {
  const source = resolve(path);
  const found = await stat(source).catch(() => undefined);
  if (found?.isDirectory() !== true) {
    throw new CliError("usage", `${path} is no folder and no http(s):// address`);
  }
  const { durableSize: size, head } = await LogStore.openReadOnly({ directory: source });
  return {
    kind: "backup",
    name: source,
    size,
    heads: head === undefined ? [] : [{ where: source, note: head.note }],
    async make(directory, progress) {
      await rm(directory, { recursive: true, force: true });
      await backupLog({ source, destination: directory, progress });
    },
  };
}
