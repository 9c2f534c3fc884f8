import { FILE_HEAD, type FileName, fileName, parseFileName } from "./file.js";
import type { EvidenceFile, EvidenceFiles } from "./files.js";

export interface EvidenceLimits {
  /** Files that ended longer ago go, ms of the readings' time. */
  readonly maxAgeMs: number;
  /** Over all files. */
  readonly maxBytes: number;
}

export interface KnownFile extends Readonly<FileName> {
  readonly name: string;
  readonly size: number;
}

const FILES_IN_LIMIT = 16;
const SMALLEST_FILE = 65_536;
const LARGEST_FILE = 4 * 1024 * 1024;
const FILE_AGE_MS = 3_600_000;

/** The files of a folder, of which the last one grows and the oldest go. Throws what the folder throws. */
export class EvidenceRing {
  readonly #files: EvidenceFiles;
  readonly #limits: EvidenceLimits;
  readonly #fileBytes: number;
  readonly #known: (FileName & { readonly name: string; size: number })[] = [];
  #file: EvidenceFile | undefined;

  constructor(files: EvidenceFiles, limits: EvidenceLimits) {
    this.#files = files;
    this.#limits = limits;
    const share = Math.floor(limits.maxBytes / FILES_IN_LIMIT);
    this.#fileBytes = Math.min(LARGEST_FILE, Math.max(SMALLEST_FILE, share));
  }

  get oldest(): KnownFile | undefined {
    return this.#known[0];
  }

  get newest(): KnownFile | undefined {
    return this.#known.at(-1);
  }

  /** Looks what is there. The first call. */
  async survey(): Promise<void> {
    for (const { name, size } of await this.#files.list()) {
      const parsed = parseFileName(name);
      if (parsed !== undefined) this.#known.push({ ...parsed, name, size });
    }
    this.#known.sort((a, b) => a.sequence - b.sequence);
  }

  /** A block whose first record is of `since`, ms. */
  async append(bytes: Uint8Array, since: number): Promise<void> {
    const current = await this.#room(bytes.length, since);
    await current.file.append(bytes);
    current.known.size += bytes.length;
  }

  /** The oldest, into `gone`, as far as needed, the one in use last; false where that was not enough. */
  async remove(bytes: number, gone: KnownFile[]): Promise<boolean> {
    for (let left = bytes; left > 0; ) {
      const [oldest] = this.#known;
      if (oldest === undefined) return false;
      if (this.#known.length === 1) await this.end();
      await this.#files.remove(oldest.name);
      this.#known.shift();
      gone.push(oldest);
      left -= oldest.size;
    }
    return true;
  }

  /** Ends the file in use. */
  async end(): Promise<void> {
    const ended = this.#file;
    this.#file = undefined;
    await ended?.close();
  }

  /** The file in use, or the next one where that is full or old. */
  async #room(bytes: number, now: number) {
    const known = this.#known.at(-1);
    if (this.#file !== undefined && known !== undefined) {
      const full = known.size + bytes > this.#fileBytes;
      if (!full && now - known.begun < FILE_AGE_MS) return { file: this.#file, known };
      await this.end();
    }
    await this.#makeRoom(now);
    const next = { sequence: (known?.sequence ?? 0) + 1, begun: now };
    const begun = { ...next, name: fileName(next), size: FILE_HEAD.length };
    const file = await this.#files.create(begun.name);
    this.#known.push(begun);
    this.#file = file;
    await file.append(FILE_HEAD);
    return { file, known: begun };
  }

  /** Oldest first, so that what stays and one more file are within the limits. */
  async #makeRoom(now: number): Promise<void> {
    const { maxAgeMs, maxBytes } = this.#limits;
    let total = this.#known.reduce((sum, { size }) => sum + size, 0);
    for (;;) {
      const [oldest] = this.#known;
      if (oldest === undefined) return;
      const tooMuch = total + this.#fileBytes > maxBytes;
      const tooOld = now - oldest.begun - FILE_AGE_MS > maxAgeMs;
      if (!tooMuch && !tooOld) return;
      await this.#files.remove(oldest.name);
      this.#known.shift();
      total -= oldest.size;
    }
  }
}
