import {
  closeSync,
  fdatasync,
  fsync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import { mkdir, rmdir, unlink } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { messageOf } from "@wattseal/base";
import { TlogError } from "../errors.js";
import { lockDirectory } from "./lock.js";

/** A file that is only written at its end, or cut. */
export interface AppendFile {
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** Returns when everything written before is on the medium. */
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  close(): Promise<void>;
}

export interface NewFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/**
 * What the store needs of a file system, in the steps between which a crash can fall. Paths are relative to
 * the log's directory, with "/". Failures are those of node:fs.
 */
export interface StoreFiles {
  /** The directory, for messages. */
  readonly location: string;
  /** Takes the writer's lock; throws TlogError "locked" where another holds it. */
  lock(): Promise<() => Promise<void>>;
  /** Content; undefined where there is no such file. */
  read(path: string): Uint8Array | undefined;
  /** Names in a directory; none where there is no such directory. */
  list(path: string): readonly string[];
  /** With its parents, durably. */
  makeDirectory(path: string): Promise<void>;
  /** Writes whole files and syncs their content, not their names. */
  writeFiles(files: readonly NewFile[]): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** An empty one. */
  removeDirectory(path: string): Promise<void>;
  /** Makes the names in a directory durable. */
  syncDirectory(path: string): Promise<void>;
  openAppend(path: string): Promise<AppendFile>;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

/** Entries are no secret on the machine's own group, and nobody else's business. */
const MODE = 0o640;

/** True for errors that say that the medium or the quota is full. */
export function isFull(error: unknown): boolean {
  return codeOf(error) === "ENOSPC" || codeOf(error) === "EDQUOT";
}

function orAbsent<T>(path: string, read: (path: string) => T, absent: T): T {
  try {
    return read(path);
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return absent;
    throw new TlogError("io", `${path}: cannot be read: ${messageOf(cause)}`, { cause });
  }
}

/** Not a Buffer: parts of one cost twice as much to take. */
function readBytes(path: string): Uint8Array {
  const { buffer, byteOffset, byteLength } = readFileSync(path);
  return new Uint8Array(buffer, byteOffset, byteLength);
}

const syncData = promisify(fdatasync);
const sync = promisify(fsync);

/**
 * What goes to the page cache alone is done at once: it takes less than the way to another thread and back. What
 * waits for the medium is not.
 */
function writeAll(file: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(file, bytes, done, bytes.length - done, position + done);
  }
}

function create(path: string, bytes: Uint8Array): number {
  const file = openSync(path, "w", MODE);
  writeAll(file, bytes, 0);
  return file;
}

async function syncDirectory(path: string): Promise<void> {
  const directory = openSync(path, "r");
  try {
    await sync(directory);
  } finally {
    closeSync(directory);
  }
}

/** Everything goes to the page cache first: creating a file while another one syncs makes the two wait for each other. */
async function writeWhole(directory: string, written: readonly NewFile[]): Promise<void> {
  const open: number[] = [];
  try {
    for (const { path, bytes } of written) open.push(create(join(directory, path), bytes));
    const synced = await Promise.allSettled(open.map((file) => syncData(file)));
    for (const outcome of synced) if (outcome.status === "rejected") throw outcome.reason;
  } finally {
    for (const file of open) closeSync(file);
  }
}

/** Makes a directory with its parents, all of their names durable. */
async function makeDurably(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true });
  if (first === undefined) return;
  for (let made = directory; made.length >= first.length; made = dirname(made)) {
    await syncDirectory(dirname(made));
  }
}

/** The files of one directory on disk. Who can write there can destroy the log, but not alter it unseen. */
export function nodeFiles(path: string): StoreFiles {
  const directory = resolve(path);
  const at = (name: string) => join(directory, name);
  const known = new Set<string>();
  return {
    location: directory,
    lock: async () => {
      await makeDurably(directory);
      return lockDirectory(directory);
    },
    read: (name) => orAbsent<Uint8Array | undefined>(at(name), readBytes, undefined),
    list: (name) =>
      orAbsent<readonly string[]>(at(name), (directory) => readdirSync(directory), []),
    makeDirectory: async (name) => {
      if (known.has(name)) return;
      await makeDurably(at(name));
      known.add(name);
    },
    writeFiles: (written) => writeWhole(directory, written),
    rename: async (from, to) => renameSync(at(from), at(to)),
    remove: (name) => unlink(at(name)),
    removeDirectory: async (name) => {
      await rmdir(at(name));
      known.delete(name);
    },
    syncDirectory: (name) => syncDirectory(at(name)),
    openAppend: async (name) => {
      const file = openSync(at(name), "r+");
      return {
        write: async (bytes, position) => writeAll(file, bytes, position),
        sync: () => syncData(file),
        truncate: async (length) => ftruncateSync(file, length),
        close: async () => closeSync(file),
      };
    },
  };
}
