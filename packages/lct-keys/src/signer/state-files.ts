/**
 * The signer's durable state: one file `epoch-<counter>` per epoch, of which all but the newest are removed.
 *
 * Trust: who can write this directory can turn the counter and the last signed head back together with the log,
 * and so have two histories signed. Nothing here notices that; the federation does, which keeps the last head
 * it witnessed, and two bodies for one counter are proof of it.
 *
 * A file's creation is exclusive and claims the epoch before the anchor's counter moves and its key is drawn. It fences as well: a signer that
 * finds a later claim after writing its own state does not sign, and the later signer reads that state only
 * after its claim, so that one of the two always sees the other.
 */
import {
  closeSync,
  fsync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { lockDirectory } from "@wattseal/tlog/store";

/** Durable small files. Every method that changes something resolves when the change would survive a power cut. */
export interface StateFiles {
  /** Keeps other signers from beginning an epoch here until released, or gone. Throws where one is at it. */
  lock(): Promise<() => Promise<void>>;
  /** Counters of the epochs claimed, ascending. */
  claimed(): Promise<readonly number[]>;
  /** Creates an epoch's file, empty; false when it exists. */
  claim(epoch: number): Promise<boolean>;
  /** Empty where the epoch was claimed and got no further. */
  read(epoch: number): Promise<Uint8Array>;
  /** The whole content or the former one, never a part. */
  write(epoch: number, content: Uint8Array): Promise<void>;
  remove(epoch: number): Promise<void>;
}

const NAME = /^epoch-([1-9][0-9]{0,15})$/;
const OWNER_ONLY = 0o600;

const ascending = (a: number, b: number) => a - b;
const sync = promisify(fsync);

/**
 * A state is written for every checkpoint, and only the flushes wait for the disk: the short calls around them
 * cost less here than a trip through the thread pool each.
 */
async function writeDurably(path: string, flags: "w" | "wx", content: Uint8Array): Promise<void> {
  const file = openSync(path, flags, OWNER_ONLY);
  try {
    writeFileSync(file, content);
    await sync(file);
  } finally {
    closeSync(file);
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = openSync(path, "r");
  try {
    await sync(directory);
  } finally {
    closeSync(directory);
  }
}

/** The whole content or the former one, never a part. */
export async function writeWhole(
  directory: string,
  path: string,
  content: Uint8Array,
): Promise<void> {
  const draft = `${path}.draft`;
  await writeDurably(draft, "w", content);
  renameSync(draft, path);
  await syncDirectory(directory);
}

export function stateFilesIn(directory: string): StateFiles {
  const pathOf = (epoch: number) => join(directory, `epoch-${epoch}`);
  return {
    lock: () => lockDirectory(directory),
    async claimed() {
      const counters = readdirSync(directory).map((name) => NAME.exec(name)?.[1]);
      return counters.flatMap((text) => (text === undefined ? [] : Number(text))).sort(ascending);
    },
    async claim(epoch) {
      try {
        await writeDurably(pathOf(epoch), "wx", new Uint8Array(0));
      } catch (cause) {
        if (cause instanceof Error && "code" in cause && cause.code === "EEXIST") return false;
        throw cause;
      }
      await syncDirectory(directory);
      return true;
    },
    async read(epoch) {
      return readFileSync(pathOf(epoch));
    },
    write: (epoch, content) => writeWhole(directory, pathOf(epoch), content),
    async remove(epoch) {
      rmSync(`${pathOf(epoch)}.draft`, { force: true }); // a kill may have left one
      unlinkSync(pathOf(epoch));
    },
  };
}
