import { TlogError } from "../errors.js";
import type { NewFile, StoreFiles } from "./files.js";

interface Inode {
  data: Uint8Array;
  /** What a power cut leaves of it. */
  durable: Uint8Array;
}

export class Crash extends Error {}

/** kill: everything written is there · power: only what was synced, names too · torn: some of what was not. */
export type CrashKind = "kill" | "power" | "torn";

const copyOf = (inode: Inode | undefined) => inode && new Uint8Array(inode.data);
function copyOnce(inode: Inode, copies: Map<Inode, Inode>): Inode {
  const copy = copies.get(inode) ?? { data: inode.data.slice(), durable: inode.durable.slice() };
  copies.set(inode, copy);
  return copy;
}
const parentOf = (path: string) => path.slice(0, Math.max(0, path.lastIndexOf("/")));
const sameDirectory = (path: string) => (path === "." ? "" : path);

/** A file system in memory that knows what a crash at any step leaves behind. */
export class MemoryFiles implements StoreFiles {
  readonly location = "memory";
  names = new Map<string, Inode>();
  #durableNames = new Map<string, Inode>();
  #locked = false;
  /** Steps that changed something. */
  steps = 0;
  /** The step that does not happen any more, nor any after it; `error` is what it throws. */
  failAt = Number.POSITIVE_INFINITY;
  error: () => Error = () => new Crash("crashed");
  /** Called at each step, before it. */
  onStep: (what: string) => void = () => {};

  async #step(what: string, partly: () => void = () => {}): Promise<void> {
    await Promise.resolve();
    this.onStep(what);
    this.steps += 1;
    if (this.steps < this.failAt) return;
    if (this.steps === this.failAt) partly();
    throw this.error();
  }

  async lock() {
    if (this.#locked) throw new TlogError("locked", "log memory: is open");
    this.#locked = true;
    return async () => {
      this.#locked = false;
    };
  }
  read(path: string) {
    return copyOf(this.names.get(path));
  }
  list(path: string) {
    const prefix = path === "" ? "" : `${path}/`;
    const inside = [...this.names.keys()].filter((name) => name.startsWith(prefix));
    return [...new Set(inside.map((name) => name.slice(prefix.length).split("/")[0]!))];
  }
  async makeDirectory(path: string) {
    await this.#step(`mkdir ${path}`);
  }
  async writeFiles(written: readonly NewFile[]) {
    for (const { path, bytes } of written) {
      const half = bytes.slice(0, bytes.length >> 1);
      await this.#step(`write ${path}`, () => {
        this.names.set(path, { data: half, durable: new Uint8Array(0) });
      });
      this.names.set(path, { data: bytes.slice(), durable: bytes.slice() });
    }
  }
  async rename(from: string, to: string) {
    await this.#step(`rename ${to}`);
    this.names.set(to, this.names.get(from)!);
    this.names.delete(from);
  }
  async remove(path: string) {
    await this.#step(`remove ${path}`);
    this.names.delete(path);
  }
  async removeDirectory(path: string) {
    await this.#step(`rmdir ${path}`);
    if (this.list(path).length > 0) throw new Error(`${path} is not empty`);
  }
  async syncDirectory(path: string) {
    await this.#step(`sync ${path}/`);
    for (const name of [...this.names.keys(), ...this.#durableNames.keys()]) {
      if (parentOf(name) !== sameDirectory(path)) continue;
      const inode = this.names.get(name);
      if (inode === undefined) this.#durableNames.delete(name);
      else this.#durableNames.set(name, inode);
    }
  }
  async openAppend(path: string) {
    const inode = this.names.get(path)!;
    const put = (bytes: Uint8Array, position: number) => {
      const data = new Uint8Array(Math.max(inode.data.length, position + bytes.length));
      data.set(inode.data);
      data.set(bytes, position);
      inode.data = data;
    };
    return {
      write: async (bytes: Uint8Array, position: number) => {
        await this.#step("append", () => put(bytes.subarray(0, bytes.length >> 1), position));
        put(bytes, position);
      },
      sync: async () => {
        await this.#step("sync journal");
        inode.durable = inode.data.slice();
      },
      truncate: async (length: number) => {
        await this.#step("truncate");
        inode.data = inode.data.slice(0, length);
      },
      close: async () => {},
    };
  }

  /** The same directory as the next process finds it. `coin` decides what a torn crash keeps. */
  after(kind: CrashKind, coin: () => boolean = () => false): MemoryFiles {
    const next = new MemoryFiles();
    if (kind === "kill") {
      // The machine goes on: what was not synced is there, and still not synced.
      const copies = new Map<Inode, Inode>();
      const copied = (names: ReadonlyMap<string, Inode>) =>
        new Map([...names].map(([name, inode]) => [name, copyOnce(inode, copies)]));
      next.names = copied(this.names);
      next.#durableNames = copied(this.#durableNames);
      return next;
    }
    const names = new Map<string, Inode>();
    for (const name of new Set([...this.names.keys(), ...this.#durableNames.keys()])) {
      const newer = kind === "torn" && coin();
      const inode = (newer ? this.names : this.#durableNames).get(name);
      if (inode === undefined) continue;
      const whole = kind === "torn" && coin();
      const data = (whole ? inode.data : inode.durable).slice();
      names.set(name, { data, durable: data.slice() });
    }
    next.names = names;
    next.#durableNames = new Map(names);
    return next;
  }
}
