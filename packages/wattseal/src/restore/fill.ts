/** Copies of logs that a federation's store is filled from: its packs' own go over the broker. */
import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type QueryClient, type Taken, type TakeOptions, takeLog } from "@wattseal/federation";
import { unverifiedCheckpoint } from "@wattseal/tlog";
import { LogStore } from "@wattseal/tlog/store";
import { type PackName, packName } from "@wattseal/uplink";
import { CliError } from "../errors.js";
import { exists, makeFolder } from "../state/files.js";
import { withProgress } from "../view/progress.js";
import { federationCopy } from "./copies.js";

export interface Filled extends Taken {
  /** URL or folder. */
  readonly copy: string;
}

const ORIGIN = "wattseal/";

/** One log's folder. Undefined for a log that nobody signed yet. */
async function takeFolder(options: TakeOptions, copy: string): Promise<Taken | undefined> {
  const log = await LogStore.openReadOnly({ directory: copy });
  if (log.head === undefined) return undefined;
  const { note } = log.head;
  const pack = packName(unverifiedCheckpoint(note).origin.slice(ORIGIN.length));
  return withProgress("entries", (progress) =>
    takeLog(options, { pack, firstEntry: log.firstEntry, log, note, progress }),
  );
}

/** The folder of a log, or one whose folders are logs. */
export async function fillFromFolder(
  options: TakeOptions,
  path: string,
  told: (filled: Filled) => void,
): Promise<void> {
  const folder = resolve(path);
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new CliError("usage", `${path} is no folder and no http(s):// address`, { cause });
  });
  const isLog = (directory: string) => exists(join(directory, "journal"));
  const found = names.includes("journal") ? [folder] : names.map((name) => join(folder, name));
  let logs = 0;
  for (const copy of found) {
    if (!(await isLog(copy))) continue;
    logs += 1;
    const taken = await takeFolder(options, copy);
    if (taken !== undefined) told({ ...taken, copy });
  }
  if (logs === 0) throw new CliError("usage", `${path}: neither it nor a folder in it is a log`);
}

/** Every log of another federation, each fetched into `staging` first. */
export async function fillFromFederation(
  options: TakeOptions,
  client: QueryClient,
  staging: string,
  told: (filled: Filled) => void,
): Promise<void> {
  await makeFolder(staging);
  for await (const pack of client.packs()) {
    if (!(await isLonger(options, client, pack))) continue;
    const copy = await federationCopy(client, pack, []);
    if (copy === undefined) continue;
    const directory = join(staging, pack);
    await withProgress("entries copied", (progress) => copy.make(directory, progress));
    const taken = await takeFolder(options, directory);
    if (taken !== undefined) told({ ...taken, copy: client.url });
  }
}

async function isLonger({ store }: TakeOptions, client: QueryClient, pack: PackName) {
  const theirs = (await client.pack(pack))?.witnessed ?? 0;
  return theirs > ((await store.pack(pack))?.size ?? 0);
}
