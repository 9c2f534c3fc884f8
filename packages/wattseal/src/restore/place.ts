/** The folder that a restored log belongs in, what lies there now, and what lay there before. */
import { open, readdir, readFile, rename } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { carriedOrders, type KnownHead, ORDERS_DOCUMENT, RECEIPT_PREFIX } from "@wattseal/gateway";
import { TlogError, unverifiedCheckpoint } from "@wattseal/tlog";
import { LogStore, type StoredLog } from "@wattseal/tlog/store";
import { CliError } from "../errors.js";
import { exists, writeWhole } from "../state/files.js";

/** Where the copy is made and verified; of this command alone. */
export function stagingOf(log: string): string {
  return `${log}.restoring`;
}

/**
 * A restore that was cut off may have left no log: whoever began one now would begin a second history. Throws CliError
 * `state-missing`.
 */
export async function requireNoneCut(log: string): Promise<void> {
  if ((await exists(log)) || !(await exists(stagingOf(log)))) return;
  throw new CliError(
    "state-missing",
    `${log} is not there: wattseal ledger restore was cut off, or found no copy that may be gone on from. Run it again, to its end.`,
  );
}

/** The log that is there, if it verifies; undefined for none, and for a damaged one. */
export async function soundLog(log: string): Promise<StoredLog | undefined> {
  try {
    return await LogStore.openReadOnly({ directory: log });
  } catch (error) {
    if (error instanceof TlogError && error.code !== "io") return undefined;
    throw error;
  }
}

const ASIDE = ".before-restore-";

/** Numbers of the folders that restores have put aside, the newest first. */
async function asides(log: string): Promise<readonly number[]> {
  const prefix = `${basename(log)}${ASIDE}`;
  const names = (await readdir(dirname(log))).filter((name) => name.startsWith(prefix));
  const numbers = names.map((name) => name.slice(prefix.length));
  return numbers
    .filter((number) => /^[1-9]\d{0,8}$/.test(number))
    .map(Number)
    .sort((a, b) => b - a);
}

/** The log's folder, where it is there, and those that were put aside, the newest first. None need be sound. */
async function formerFolders(log: string): Promise<readonly string[]> {
  const aside = (await asides(log)).map((n) => `${log}${ASIDE}${n}`);
  return (await exists(log)) ? [log, ...aside] : aside;
}

/** Heads in the files of these folders. One that is no note any more says nothing. */
export async function headsBeside(log: string): Promise<readonly KnownHead[]> {
  const heads: KnownHead[] = [];
  for (const folder of await formerFolders(log)) {
    const names = await readdir(folder);
    const wanted = names.filter((name) => name === "checkpoint" || name.startsWith(RECEIPT_PREFIX));
    for (const name of wanted) {
      const where = join(folder, name);
      const note = await readFile(where, "utf8");
      if (isHead(note)) heads.push({ where, note });
    }
  }
  return heads;
}

/**
 * Gives the staged log what its predecessor knew of orders: one that was obeyed, and whose entry was lost, is not obeyed
 * again. Where a restore was cut between its two renames the predecessor is the folder that was put aside last.
 */
export async function carryOrders(staging: string, log: string): Promise<void> {
  const [former] = await formerFolders(log);
  const text = (folder: string) =>
    readFile(join(folder, ORDERS_DOCUMENT), "latin1").catch(() => undefined);
  const known = former === undefined ? undefined : await text(former);
  if (known === undefined) return;
  const carried = carriedOrders(known, await text(staging));
  if (carried !== undefined) await writeWhole(join(staging, ORDERS_DOCUMENT), carried, 0o644);
}

function isHead(note: string): boolean {
  try {
    unverifiedCheckpoint(note);
    return true;
  } catch {
    return false;
  }
}

/** Puts the staged log in its place. What was there is moved aside, to the path that is returned. */
export async function putInPlace(staging: string, log: string): Promise<string | undefined> {
  let aside: string | undefined;
  if (await exists(log)) {
    const [last = 0] = await asides(log);
    aside = `${log}${ASIDE}${last + 1}`;
    await rename(log, aside);
  }
  await rename(staging, log);
  const parent = await open(dirname(log), "r");
  try {
    await parent.sync();
  } finally {
    await parent.close();
  }
  return aside;
}
