import type { EvidenceFiles } from "./files.js";

/** A folder in memory whose disk can be filled, and stopped. */
export class MemoryFiles implements EvidenceFiles {
  readonly content = new Map<string, Uint8Array>();
  /** Bytes that may still be written. */
  free = Number.POSITIVE_INFINITY;
  appends = 0;
  /** What each append waits for. */
  busy: Promise<void> = Promise.resolve();

  async list() {
    return [...this.content].map(([name, { length: size }]) => ({ name, size }));
  }

  async create(name: string) {
    if (this.content.has(name)) throw new Error(`${name} is there`);
    this.content.set(name, new Uint8Array(0));
    return { append: (bytes: Uint8Array) => this.#append(name, bytes), close: async () => {} };
  }

  async #append(name: string, bytes: Uint8Array) {
    await this.busy;
    this.appends += 1;
    const room = bytes.subarray(0, this.free);
    this.free -= room.length;
    this.content.set(name, new Uint8Array(Buffer.concat([this.content.get(name)!, room])));
    if (room.length < bytes.length) throw new Error("ENOSPC: no space left on device");
  }

  async read(name: string) {
    return this.content.get(name);
  }

  async remove(name: string) {
    this.content.delete(name);
  }
}
