import { setImmediate } from "node:timers/promises";
import { concatBytes, MAX_ENTRY_LENGTH, utf8 } from "@wattseal/base";
import { TlogError } from "../errors.js";
import { removeDocument, replaceFile, writeDocument } from "./documents.js";
import { nodeFiles, type StoreFiles } from "./files.js";
import { encodeFloor, type Floor } from "./floor.js";
import { encodeEntries, Journal, type JournalRecord } from "./journal.js";
import { Kept } from "./kept.js";
import { CHECKPOINT, FLOOR, KEPT, orStorageError, storageError, TEMPORARY } from "./layout.js";
import { type Head, headOf, type LogParts, openResult, StoredLog } from "./log.js";
import { checkUnfinishedSeal, headProblem, loadLog, missingLog, type VerifyHead } from "./open.js";
import { removeBelow } from "./prune.js";
import { writeSealed } from "./seal.js";

export interface OpenOptions {
  readonly directory: string;
  /** Verifies the head's signature; the store itself compares size and root only. */
  readonly verifyHead?: VerifyHead;
  /** Make an empty log where there is none (default true); `opened.created` says that it did. */
  readonly create?: boolean;
}

/** Where an append landed: entries `first` to `first + count − 1`. */
export interface Appended {
  readonly first: number;
  readonly count: number;
}

interface Waiting {
  readonly first: number;
  readonly records: readonly JournalRecord[];
  readonly bytes: Uint8Array;
  readonly resolve: (appended: Appended) => void;
  readonly reject: (error: unknown) => void;
}

const STOPPED =
  "; no entry is accepted until the log is opened again with room to write, reading goes on";
/** Sealing waits while appends do, but not beyond about this many bundles. */
const SEAL_AT = 16;
/** A group commit takes what waits, up to about this much. */
const GROUP_BYTES = 8 * 1024 * 1024;

async function openForWriting(files: StoreFiles, options: OpenOptions) {
  const { contents, head, journal: parsed } = await loadLog(files, options.verifyHead);
  if (parsed === undefined && options.create === false) throw missingLog(files);
  checkUnfinishedSeal(files, contents);
  await removeBelow(files, contents.first);
  await files.makeDirectory(TEMPORARY);
  for (const name of files.list(TEMPORARY)) await files.remove(`${TEMPORARY}/${name}`);
  const journal =
    parsed === undefined ? await Journal.start(files, 0, []) : await Journal.resume(files, parsed);
  return { contents, head, journal, opened: openResult(parsed) };
}

/**
 * The durable log of one writer. Entries are durable in the journal before an append resolves; 256 of them
 * become an immutable bundle and hash tile. A crash at any point loses nothing acknowledged.
 *
 * Trust: who can write the directory can destroy the log, add unsigned entries at its end, and take those behind the
 * last head away (whole records without a trace). What a signed head covers they cannot alter without its being named
 * at the next open. An earlier state of the whole directory, or of its head alone, is sound in itself and opens: that
 * it is a rollback the signer's state shows, which lies elsewhere ("log-rolled-back"), and the witness, whose receipts
 * are of a later size.
 */
export class LogStore extends StoredLog {
  #accepted: number;
  #journal: Journal;
  #waiting: Waiting[] = [];
  #committing: Promise<void> | undefined;
  #documents: Promise<void> = Promise.resolve();
  #failure: TlogError | undefined;
  #closed: Promise<void> | undefined;
  readonly #unlock: () => Promise<void>;
  readonly #verifyHead: VerifyHead | undefined;

  private constructor(
    parts: LogParts,
    journal: Journal,
    unlock: () => Promise<void>,
    verifyHead: VerifyHead | undefined,
  ) {
    super(parts);
    this.#accepted = parts.contents.size;
    this.#journal = journal;
    this.#unlock = unlock;
    this.#verifyHead = verifyHead;
  }

  /**
   * Verifies the whole log and finishes what a crash interrupted. Throws TlogError: "locked"; "corrupt" and
   * "head-mismatch" with file, place and the way out; "missing" with `create: false`; "full" or "io".
   */
  static async open(
    options: OpenOptions,
    files: StoreFiles = nodeFiles(options.directory),
  ): Promise<LogStore> {
    const unlock = await orStorageError(files, "locking it", () => files.lock());
    try {
      return await orStorageError(files, "opening it", async () => {
        const { journal, ...found } = await openForWriting(files, options);
        const store = new LogStore({ files, ...found }, journal, unlock, options.verifyHead);
        await store.#seal();
        return store;
      });
    } catch (error) {
      await unlock();
      throw error;
    }
  }

  /** Verifies and reads; takes no lock and writes nothing, so a writer may be at work. */
  static async openReadOnly(
    options: Omit<OpenOptions, "create">,
    files: StoreFiles = nodeFiles(options.directory),
  ): Promise<StoredLog> {
    const { contents, head, journal } = await loadLog(files, options.verifyHead);
    if (journal === undefined) throw missingLog(files);
    return new StoredLog({ files, contents, head, opened: openResult(journal) });
  }

  /** Number of entries accepted; those from `durableSize` on may still be lost. */
  get size(): number {
    return this.#accepted;
  }

  /** Why no entry is accepted any more (storage full or failing); undefined while all is well. */
  get failure(): TlogError | undefined {
    return this.#failure;
  }

  /**
   * Appends entries (1 to 16384 bytes each) in order; resolves when they are durable. Appends that wait at
   * the same time share one fdatasync. Rejects with TlogError "full" or "io" from the first failed write on,
   * "range" for an entry out of bounds, "closed".
   */
  async append(entries: readonly Uint8Array[]): Promise<Appended> {
    this.#requireOpen();
    const first = this.#accepted;
    entries.forEach((entry, i) => {
      if (entry.length >= 1 && entry.length <= MAX_ENTRY_LENGTH) return;
      const problem = `entry ${i} of the append has ${entry.length} bytes, not 1 to ${MAX_ENTRY_LENGTH}`;
      throw new TlogError("range", `log ${this.files.location}: ${problem}`);
    });
    const { bytes, records } = encodeEntries(entries, first);
    this.#accepted += records.length;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ first, records, bytes, resolve, reject });
      this.#committing ??= this.#commitAll();
    });
  }

  /** Commits what waits, in groups, until nothing does. */
  async #commitAll(): Promise<void> {
    await Promise.resolve(); // appends made in the same turn join the group
    while (this.#waiting.length > 0) {
      try {
        await this.#commit(this.#nextGroup());
        await setImmediate(); // whoever was answered may append again, which joins this round
        if (this.#waiting.length === 0 || this.contents.unsealedTiles >= SEAL_AT)
          await this.#seal();
      } catch (error) {
        this.#fail(error);
      }
    }
    this.#committing = undefined;
  }

  #nextGroup(): readonly Waiting[] {
    let bytes = 0;
    const end = this.#waiting.findIndex((waiting) => {
      bytes += waiting.bytes.length;
      return bytes >= GROUP_BYTES;
    });
    return this.#waiting.slice(0, end === -1 ? undefined : end + 1);
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    const [only, ...others] = group.map(({ bytes }) => bytes);
    if (only !== undefined && others.length === 0) await this.#journal.append(only);
    else await this.#journal.append(concatBytes(...group.map(({ bytes }) => bytes)));
    this.#waiting = this.#waiting.slice(group.length);
    for (const { records } of group) for (const record of records) this.contents.append(record);
    for (const { first, records, resolve } of group) resolve({ first, count: records.length });
  }

  /** Order: bundles and tiles durable under their names, then a journal without them. */
  async #seal(): Promise<void> {
    if (this.contents.unsealedTiles === 0) return;
    await writeSealed(this.files, this.contents);
    const old = this.#journal;
    const { unsealedFrom } = this.contents;
    this.#journal = await Journal.start(this.files, unsealedFrom, this.contents.unsealedEntries());
    this.contents.sealed();
    await old.close();
  }

  /** After a failed sync nothing is known of what was written before it, so nothing is accepted any more. */
  #fail(cause: unknown): void {
    this.#failure ??= storageError(this.files, `adding entry ${this.durableSize}`, cause, STOPPED);
    for (const { reject } of this.#waiting) reject(this.#failure);
    this.#waiting = [];
    this.#accepted = this.durableSize;
  }

  /**
   * Keeps a signed head, durably, in the place of the one before. Its entries have to be durable, its root
   * theirs, and it may not be below the last. Throws TlogError "head-mismatch", "note", "io", "full".
   */
  async writeHead(note: string): Promise<void> {
    this.#requireOpen();
    const head = headOf(note);
    this.#verifyHead?.(note);
    await this.#inOrder("writing a head", async () => {
      const problem = headProblem(this.contents, head) ?? this.#stepBack(head);
      if (problem !== undefined) {
        throw new TlogError("head-mismatch", `log ${this.files.location}: new head: ${problem}`);
      }
      await replaceFile(this.files, CHECKPOINT, utf8(note));
      this.lastHead = head;
    });
  }

  #stepBack({ checkpoint: { size } }: Head): string | undefined {
    const last = this.lastHead?.checkpoint.size ?? 0;
    return size < last ? `of ${size} entries cannot follow one of ${last}` : undefined;
  }

  /** Keeps a named text, or bytes, beside the log, written whole or not at all; durable when it resolves. */
  async writeDocument(name: string, content: string | Uint8Array): Promise<void> {
    this.#requireOpen();
    await this.#inOrder(`writing ${name}`, () => writeDocument(this.files, name, content));
  }

  async removeDocument(name: string): Promise<void> {
    this.#requireOpen();
    await this.#inOrder(`removing ${name}`, () => removeDocument(this.files, name));
  }

  /**
   * Removes the entries below `below` and the hashes that only they need, in whole bundles, as far as they are
   * sealed; returns `firstEntry`. `keep` names entries below that floor that proofs of the rest begin with: they stay,
   * with what proves them, but for those that went before. The caller vouches that a head of `below` entries or more was cosigned by a
   * witness who has them: from here on they are nowhere else. Appending goes on meanwhile. Throws TlogError
   * "range" beyond the last head, "io", "full"; what was begun is finished by the next call or opening.
   */
  async prune(
    below: number,
    keep: (floor: number) => readonly number[] = () => [],
  ): Promise<number> {
    this.#requireOpen();
    const size = this.lastHead?.checkpoint.size ?? 0;
    if (!Number.isSafeInteger(below) || below < 0 || below > size) {
      const problem = `cannot be pruned below ${below}: its last head is of ${size} entries`;
      throw new TlogError("range", `log ${this.files.location}: ${problem}`);
    }
    await this.#inOrder("pruning", async () => {
      const floor = this.contents.floorBelow(below);
      if (floor.entry > this.firstEntry) await this.#raiseFloor(floor, keep(floor.entry));
      await removeBelow(this.files, this.firstEntry);
    });
    return this.firstEntry;
  }

  /** The kept entries of the old floor stay until the new one is in force, whatever happens between. */
  async #raiseFloor(floor: Floor, keep: readonly number[]): Promise<void> {
    const { contents, files } = this;
    const before = contents.kept;
    const there = keep.filter((index) => index >= this.firstEntry || before.entries.has(index));
    const any = there.length + before.entries.size > 0;
    const kept = Kept.of(there, floor.entry, {
      entry: (index) => contents.entry(index),
      node: contents.node,
    });
    if (any) await replaceFile(files, KEPT, before.with(kept).encode());
    await replaceFile(files, FLOOR, encodeFloor(floor));
    contents.kept = kept;
    contents.raiseFloor(floor.entry);
    if (any) await replaceFile(files, KEPT, kept.encode());
  }

  async #inOrder(doing: string, write: () => Promise<void>): Promise<void> {
    const done = this.#documents.then(write);
    this.#documents = done.catch(() => {});
    await orStorageError(this.files, doing, () => done);
  }

  #requireOpen(): void {
    if (this.#closed !== undefined) {
      throw new TlogError("closed", `log ${this.files.location}: was closed`);
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Waits for what was accepted, then gives up the lock. Reading still works afterwards. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#committing;
    await this.#documents;
    try {
      await this.#journal.close();
    } finally {
      await this.#unlock();
    }
  }
}
