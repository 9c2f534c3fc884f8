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
import type { EvidenceFiles } from "./files.js";
import { type EvidenceLimits, EvidenceRing, type KnownFile } from "./ring.js";
import type { EvidenceSink } from "./sink.js";
import { type Unkept, UnkeptReadings, type Why } from "./unkept.js";

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

/** UTC ms of the first and the last reading. */
interface Span {
  readonly from: number;
  readonly until: number;
}

interface Block {
  readonly bytes: Uint8Array;
  readonly since: number;
  readonly readings: Span | undefined;
}

/** A block goes to the disk when it is this large, or this old. */
const BLOCK_BYTES = 32_768;
const BLOCK_AGE_MS = 2_000;
/** Blocks that wait for a slow disk: beyond this the newest is let go, and told. */
const WAITING_LIMIT = 64;

/**
 * Keeps accepted telemetry in files that only grow and go oldest first (docs/evidence.md). A failing or full disk
 * ends the keeping, and nothing else; which readings were not kept, it says.
 */
export class EvidenceStore implements EvidenceSink {
  readonly #options: EvidenceStoreOptions;
  readonly #ring: EvidenceRing;
  readonly #block = new BlockBuilder();
  /** Of the last reading, ms: files are dated by what is in them. */
  #now = 0;
  /** Of the block's first record, ms. */
  #since = 0;
  /** In the block. */
  #readings: Span | undefined;
  /** The first of them is being written, where one is. */
  readonly #waiting: Block[] = [];
  #timer: Cancel | undefined;
  #writing: Promise<void> | undefined;
  #stopped = false;
  #closed = false;
  /** Nothing is kept until `keep`. */
  #paused = false;
  readonly #unkept = new UnkeptReadings();

  private constructor(options: EvidenceStoreOptions) {
    this.#options = options;
    this.#ring = new EvidenceRing(options.files, options.limits);
  }

  /** Never fails: without a usable folder nothing is kept, and that is told. */
  static async open(options: EvidenceStoreOptions): Promise<EvidenceStore> {
    const store = new EvidenceStore(options);
    await store.#guarded(async () => {
      await store.#ring.survey();
      store.#now = store.#ring.newest?.begun ?? 0;
    });
    return store;
  }

  /** Whether nothing is kept any more, because the disk failed. */
  get stopped(): boolean {
    return this.#stopped;
  }

  reading(module: ModuleUid, message: LinkMessage, taken: Taken): void {
    if (this.#closed) return;
    const { time, begun, continued, carried } = taken;
    const now = Math.floor(time / 1000);
    this.#now = now;
    if (this.#stopped) this.#unkept.note("disk-failed", now, now);
    else if (this.#paused) this.#unkept.note("disk-pressure", now, now);
    else {
      const { handshakeHash: session, counter, length, tag, body } = message;
      const begins = begun ? { continued, carried } : undefined;
      const kept: KeptReading = { module, session, time, counter, length, tag, body, begins };
      this.#add(() => this.#block.reading(kept));
      this.#readings = { from: this.#readings?.from ?? now, until: now };
      this.#due();
    }
  }

  released(session: Uint8Array, key: Uint8Array): void {
    if (this.#closed || this.#stopped || this.#paused) return;
    const released: ReleasedKey = { session, key };
    this.#add(() => this.#block.key(released));
    this.#due();
  }

  #add(put: () => boolean): void {
    if (this.#block.length === 0) this.#since = this.#now;
    if (put()) return;
    this.#flush();
    this.#since = this.#now;
    put();
  }

  /**
   * Gives the disk at least `bytes` back, oldest files first; where all of them are not that much, nothing is kept until
   * `keep`. Undefined where nothing went.
   */
  async shed(bytes: number): Promise<Shed | undefined> {
    this.#flush();
    await this.#written();
    const gone: KnownFile[] = [];
    this.#write(async () => {
      this.#paused = !(await this.#ring.remove(bytes, gone));
      if (!this.#paused) return;
      for (const { readings } of this.#waiting.splice(0)) this.#lost("disk-pressure", readings);
    });
    await this.#written();
    const [first] = gone;
    if (first === undefined) return undefined;
    return {
      files: gone.length,
      bytes: gone.reduce((sum, { size }) => sum + size, 0),
      from: millis(first.begun),
      until: millis(Math.max(first.begun, this.#ring.oldest?.begun ?? this.#now)),
    };
  }

  /** Readings are kept again. */
  keep(): void {
    this.#paused = false;
    this.#unkept.over("disk-pressure");
  }

  /** Readings that were not kept, of which this has not told before: when that is over or has lasted; `all`: in any case. */
  unkept(all = false): readonly Unkept[] {
    return this.#unkept.take(all);
  }

  /** Everything kept so far has been handed to the file system, or the keeping has ended. */
  async settled(): Promise<void> {
    this.#flush();
    await this.#written();
  }

  /** Writes what is left. Nothing is kept afterwards. */
  async close(): Promise<void> {
    await this.settled();
    this.#closed = true;
    await this.#guarded(() => this.#ring.end());
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
    const block = this.#take();
    if (block === undefined) return;
    if (this.#waiting.length >= WAITING_LIMIT) {
      this.#options.logger.warn("evidence.dropped", { bytes: block.bytes.length });
      this.#lost("disk-slow", block.readings);
      return;
    }
    this.#unkept.over("disk-slow");
    this.#waiting.push(block);
    if (this.#writing === undefined) this.#write();
  }

  #take(): Block | undefined {
    this.#timer?.();
    this.#timer = undefined;
    const bytes = this.#block.take();
    const readings = this.#readings;
    this.#readings = undefined;
    return bytes && { bytes, since: this.#since, readings };
  }

  #lost(why: Why, readings: Span | undefined): void {
    if (readings !== undefined) this.#unkept.note(why, readings.from, readings.until);
  }

  /** Does `first`, and writes what waits. Only where nothing is being written. */
  #write(first?: () => Promise<void>): void {
    const writing = this.#guarded(async () => {
      await first?.();
      for (let block = this.#waiting[0]; block !== undefined; block = this.#waiting[0]) {
        await this.#ring.append(block.bytes, block.since);
        this.#waiting.shift();
      }
    });
    this.#writing = writing.then(() => {
      this.#writing = undefined;
      if (this.#waiting.length > 0) this.#write();
    });
  }

  async #written(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  /** A failing disk ends the keeping; the next start tries again. */
  async #guarded(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      this.#stopped = true;
      for (const { readings } of this.#waiting.splice(0)) this.#lost("disk-failed", readings);
      this.#lost("disk-failed", this.#take()?.readings);
      this.#unkept.over("disk-failed");
      this.#options.logger.warn("evidence.stopped", { error: messageOf(error) });
    }
  }
}
