/** Copies of logs that a federation's store is filled from: its packs' own go over the broker. */
import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { DecodeError, messageOf, RangeViolation, sha256, toHex, utf8 } from "@wattseal/base";
import {
  FederationError,
  type QueryClient,
  type Taken,
  type TakeOptions,
  takeLog,
} from "@wattseal/federation";
import { TlogError, type TlogErrorCode, unverifiedCheckpoint } from "@wattseal/tlog";
import { LogStore } from "@wattseal/tlog/store";
import { type PackName, packName } from "@wattseal/uplink";
import { CliError } from "../errors.js";
import { exists, makeFolder } from "../state/files.js";
import { withProgress } from "../view/progress.js";
import { federationCopy, staged } from "./copies.js";

export interface Filled extends Omit<Taken, "pack"> {
  /** Undefined of a folder in which no log could be read. */
  readonly pack: PackName | undefined;
  /** URL or folder. */
  readonly copy: string;
}

type Source = Pick<QueryClient, "url" | "packs" | "pack" | "receipt" | "entries">;

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
    const taken = await takenOrRefused(options, undefined, () => takeFolder(options, copy));
    if (taken !== undefined) told({ ...taken, copy });
  }
  if (logs === 0) throw new CliError("usage", `${path}: neither it nor a folder in it is a log`);
}

/** Every log of another federation, each fetched into a folder in `staging` first. */
export async function fillFromFederation(
  options: TakeOptions,
  client: Source,
  staging: string,
  told: (filled: Filled) => void,
): Promise<void> {
  const folder = join(staging, toHex(sha256(utf8(client.url))));
  await makeFolder(folder);
  for await (const pack of client.packs()) {
    const taken = await takenOrRefused(options, pack, () =>
      takeOffered(options, client, pack, join(folder, pack)),
    );
    if (taken !== undefined) told({ ...taken, copy: client.url });
  }
}

async function takeOffered(
  options: TakeOptions,
  client: Source,
  pack: PackName,
  directory: string,
): Promise<Taken | undefined> {
  if (!(await isLonger(options, client, pack))) return undefined;
  const copy = await federationCopy(client, pack, []);
  if (copy === undefined) return undefined;
  const make = () => withProgress("entries copied", (progress) => copy.make(directory, progress));
  return staged(directory, make, () => takeFolder(options, directory));
}

/** A copy that is no log, or not what its head says, is refused as one: the others are taken all the same. */
async function takenOrRefused(
  { store }: TakeOptions,
  pack: PackName | undefined,
  take: () => Promise<Taken | undefined>,
): Promise<Omit<Filled, "copy"> | undefined> {
  try {
    return await take();
  } catch (error) {
    if (!isFaultOfCopy(error)) throw error;
    const stored = pack === undefined ? 0 : ((await store.pack(pack))?.size ?? 0);
    return { pack, from: stored, to: stored, size: 0, refused: messageOf(error) };
  }
}

/** Of this machine's disk, or of whoever reads here at the same time. */
const OURS: ReadonlySet<TlogErrorCode> = new Set(["io", "full", "locked", "closed"]);

/** Not of the store, of this machine or of the way to the copy: those fail for every copy. */
function isFaultOfCopy(error: unknown): boolean {
  if (error instanceof TlogError) return !OURS.has(error.code);
  if (error instanceof FederationError) return error.code === "query-answer";
  return error instanceof DecodeError || error instanceof RangeViolation;
}

async function isLonger({ store }: TakeOptions, client: Source, pack: PackName) {
  const theirs = (await client.pack(pack))?.witnessed ?? 0;
  return theirs > ((await store.pack(pack))?.size ?? 0);
}
