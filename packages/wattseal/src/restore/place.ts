/** The folder that a restored log belongs in, and what lies there now. */
import { open, readdir, readFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type KnownHead, RECEIPT_PREFIX } from "@wattseal/gateway";
import { TlogError, unverifiedCheckpoint } from "@wattseal/tlog";
import { LogStore, type StoredLog } from "@wattseal/tlog/store";
import { exists } from "../state/files.js";

/** Where the copy is made and verified; of this command alone. */
export function stagingOf(log: string): string {
  return `${log}.restoring`;
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

/** Heads in the files of a log that need not be sound. One that is no note any more says nothing. */
export async function headsBeside(log: string): Promise<readonly KnownHead[]> {
  const names = (await exists(log)) ? await readdir(log) : [];
  const wanted = names.filter((name) => name === "checkpoint" || name.startsWith(RECEIPT_PREFIX));
  const heads: KnownHead[] = [];
  for (const name of wanted) {
    const where = join(log, name);
    const note = await readFile(where, "utf8");
    if (isHead(note)) heads.push({ where, note });
  }
  return heads;
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
    for (let n = 1; aside === undefined; n += 1) {
      const path = `${log}.before-restore-${n}`;
      if (!(await exists(path))) aside = path;
    }
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
