import {
  type Cancel,
  type Clock,
  type Logger,
  type Millis,
  type ModuleUid,
  messageOf,
  millis,
} from "@wattseal/base";
import type { Taken } from "@wattseal/energy-ledger";
import type { LinkMessage } from "../links/manager.js";
import { BlockBuilder, type KeptReading, type ReleasedKey } from "./block.js";
import { FILE_HEAD, type FileName, fileName, parseFileName } from "./file.js";
import type { EvidenceFile, EvidenceFiles } from "./files.js";
import type { EvidenceSink } from "./sink.js";

export interface EvidenceLimits {
  /** Files that ended longer ago go, ms of the readings' time. */
  readonly maxAgeMs: number;
  /** Over all files. */
  readonly maxBytes: number;
}

export interface EvidenceStoreOptions {
  readonly files: EvidenceFiles;
  readonly limits: EvidenceLimits;
  /** How long a reading may wait for the disk is a matter of real time. */
  readonly wallClock: Clock;
  readonly logger: Logger;
}

/** Readings that went before their days were over. */
export interface Shed {
  readonly files: number;
  readonly bytes: number;
  /** UTC ms: of the first of them, and of the first that stayed or else the last. */
  readonly from: Millis;
  readonly until: Millis;
}

/** Readings came and were not kept. UTC ms: of the first and of the last of them. */
export interface Unkept {
  readonly from: Millis;
  readonly until: Millis;
}

/** A block goes to the disk when it is this large, or this old. */
const BLOCK_BYTES = 32_768;
const BLOCK_AGE_MS = 2_000;
/** Blocks that wait for a slow disk: beyond this the newest is let go, and told. */
const WAITING_LIMIT = 64;
const FILES_IN_LIMIT = 16;
const SMALLEST_FILE = 65_536;
const LARGEST_FILE = 4 * 1024 * 1024;
const FILE_AGE_MS = 3_600_000;

interface KnownFile extends FileName {
  readonly name: string;
  size: number;
}

/**
 * Keeps accepted telemetry in files that only grow and go oldest first (docs/evidence.md). A failing or full disk
 * ends the keeping, with a warning, and nothing else.
 */
export class EvidenceStore implements EvidenceSink {
  readonly #options: EvidenceStoreOptions;
  readonly #fileBytes: number;
  readonly #known: KnownFile[] = [];
  readonly #block = new BlockBuilder();
  /** Of the last reading, ms: files are dated by what is in them. */
  #now = 0;
  /** Of the block's first record, ms. */
  #since = 0;
  readonly #waiting: { readonly bytes: Uint8Array; readonly since: number }[] = [];
  #timer: Cancel | undefined;
  #writing: Promise<void> | undefined;
  #file: EvidenceFile | undefined;
  #stopped = false;
  /** Nothing is kept until `keep`. */
  #paused = false;
  /** Readings that came meanwhile. */
  #unkept: Unkept | undefined;

  private constructor(options: EvidenceStoreOptions) {
    this.#options = options;
    const share = Math.floor(options.limits.maxBytes / FILES_IN_LIMIT);
    this.#fileBytes = Math.min(LARGEST_FILE, Math.max(SMALLEST_FILE, share));
  }

  /** Never fails: without a usable folder nothing is kept, and that is told. */
  static async open(options: EvidenceStoreOptions): Promise<EvidenceStore> {
    const store = new EvidenceStore(options);
    await store.#guarded(() => store.#survey());
    return store;
  }

  /** Whether nothing is kept any more, because the disk failed. */
  get stopped(): boolean {
    return this.#stopped;
  }

  reading(module: ModuleUid, message: LinkMessage, taken: Taken): void {
    if (this.#stopped) return;
    const { time, begun, continued, carried } = taken;
    this.#now = Math.floor(time / 1000);
    if (this.#paused) {
      this.#letGo(this.#now);
      return;
    }
    const { handshakeHash: session, counter, length, tag, body } = message;
    const begins = begun ? { continued, carried } : undefined;
    const kept: KeptReading = { module, session, time, counter, length, tag, body, begins };
    this.#add(() => this.#block.reading(kept));
  }

  released(session: Uint8Array, key: Uint8Array): void {
    if (this.#stopped || this.#paused) return;
    const released: ReleasedKey = { session, key };
    this.#add(() => this.#block.key(released));
  }

  #letGo(since: number): void {
    const until = millis(Math.max(since, this.#now));
    this.#unkept = { from: this.#unkept?.from ?? millis(since), until };
  }

  #add(put: () => boolean): void {
    if (this.#block.length === 0) this.#since = this.#now;
    if (!put()) {
      this.#flush();
      this.#since = this.#now;
      put();
    }
    this.#due();
  }

  /**
   * Gives the disk at least `bytes` back, oldest files first; where all of them are not that much, nothing is kept until
   * `keep`. Undefined where nothing went.
   */
  async shed(bytes: number): Promise<Shed | undefined> {
    this.#flush();
    while (this.#writing !== undefined) await this.#writing;
    const gone: KnownFile[] = [];
    const shedding = this.#guarded(async () => {
      this.#paused = !(await this.#remove(bytes, gone));
      if (this.#paused) {
        for (const { since } of this.#waiting.splice(0)) this.#letGo(since);
      }
      await this.#write();
    });
    this.#writing = shedding.then(() => {
      this.#writing = undefined;
    });
    await this.#writing;
    const [first] = gone;
    if (first === undefined) return undefined;
    return {
      files: gone.length,
      bytes: gone.reduce((sum, { size }) => sum + size, 0),
      from: millis(first.begun),
      until: millis(Math.max(first.begun, this.#known[0]?.begun ?? this.#now)),
    };
  }

  /** Readings are kept again; returns which were not since they last were. */
  keep(): Unkept | undefined {
    const unkept = this.#unkept;
    this.#paused = false;
    this.#unkept = undefined;
    return unkept;
  }

  /** Everything kept so far has been handed to the file system, or the keeping has ended. */
  async settled(): Promise<void> {
    this.#flush();
    await this.#writing;
  }

  /** Writes what is left. Nothing is kept afterwards. */
  async close(): Promise<void> {
    await this.settled();
    this.#stopped = true;
    await this.#guarded(() => this.#endFile());
  }

  #due(): void {
    if (this.#block.length >= BLOCK_BYTES) this.#flush();
    else if (this.#timer === undefined) {
      const { wallClock } = this.#options;
      const due = millis(wallClock.now() + BLOCK_AGE_MS);
      this.#timer = wallClock.at(due, () => this.#flush());
    }
  }

  #flush(): void {
    this.#timer?.();
    this.#timer = undefined;
    const bytes = this.#block.take();
    if (bytes === undefined || this.#stopped) return;
    if (this.#waiting.length >= WAITING_LIMIT) {
      this.#options.logger.warn("evidence.dropped", { bytes: bytes.length });
      return;
    }
    this.#waiting.push({ bytes, since: this.#since });
    this.#writing ??= this.#guarded(() => this.#write()).then(() => {
      this.#writing = undefined;
    });
  }

  async #write(): Promise<void> {
    for (;;) {
      const block = this.#waiting.shift();
      if (block === undefined) return;
      const { bytes, since } = block;
      const current = await this.#room(bytes.length, since);
      await current.file.append(bytes);
      current.known.size += bytes.length;
    }
  }

  /** The file in use, or the next one where that is full or old. */
  async #room(bytes: number, now: number): Promise<{ file: EvidenceFile; known: KnownFile }> {
    const known = this.#known.at(-1);
    if (this.#file !== undefined && known !== undefined) {
      const full = known.size + bytes > this.#fileBytes;
      if (!full && now - known.begun < FILE_AGE_MS) return { file: this.#file, known };
      await this.#endFile();
    }
    await this.#makeRoom(now);
    const next = { sequence: (known?.sequence ?? 0) + 1, begun: now };
    const begun = { ...next, name: fileName(next), size: FILE_HEAD.length };
    const file = await this.#options.files.create(begun.name);
    this.#known.push(begun);
    this.#file = file;
    await file.append(FILE_HEAD);
    return { file, known: begun };
  }

  /** Oldest first, so that what stays and one more file are within the limits. */
  async #makeRoom(now: number): Promise<void> {
    const { files, limits } = this.#options;
    let total = this.#known.reduce((sum, { size }) => sum + size, 0);
    for (;;) {
      const [oldest] = this.#known;
      if (oldest === undefined) return;
      const tooMuch = total + this.#fileBytes > limits.maxBytes;
      const tooOld = now - oldest.begun - FILE_AGE_MS > limits.maxAgeMs;
      if (!tooMuch && !tooOld) return;
      await files.remove(oldest.name);
      this.#known.shift();
      total -= oldest.size;
    }
  }

  /** The oldest, into `gone`, as far as needed, the one in use last; false where that was not enough. */
  async #remove(bytes: number, gone: KnownFile[]): Promise<boolean> {
    for (let left = bytes; left > 0; ) {
      const [oldest] = this.#known;
      if (oldest === undefined) return false;
      if (this.#known.length === 1) await this.#endFile();
      await this.#options.files.remove(oldest.name);
      this.#known.shift();
      gone.push(oldest);
      left -= oldest.size;
    }
    return true;
  }

  async #endFile(): Promise<void> {
    const ended = this.#file;
    this.#file = undefined;
    await ended?.close();
  }

  async #survey(): Promise<void> {
    for (const { name, size } of await this.#options.files.list()) {
      const parsed = parseFileName(name);
      if (parsed !== undefined) this.#known.push({ ...parsed, name, size });
    }
    this.#known.sort((a, b) => a.sequence - b.sequence);
    this.#now = this.#known.at(-1)?.begun ?? 0;
  }

  /** A failing disk ends the keeping; the next start tries again. */
  async #guarded(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      this.#stopped = true;
      this.#waiting.length = 0;
      this.#options.logger.warn("evidence.stopped", { error: messageOf(error) });
    }
  }
}
