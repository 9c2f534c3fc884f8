/** What mending a log from a copy would change, verified before any of it is written. */
import { bytesEqual, messageOf } from "@wattseal/base";
import { TlogError } from "../errors.js";
import { entriesPath, TILE_WIDTH, tilePath } from "../tiles.js";
import { upperTiles } from "./backup.js";
import type { LogContents } from "./contents.js";
import type { StoreFiles } from "./files.js";
import { readFloor } from "./floor.js";
import { encodeJournal, journalFirst, parseJournal, salvageJournal } from "./journal.js";
import { Kept } from "./kept.js";
import { CHECKPOINT, FLOOR, JOURNAL, KEPT } from "./layout.js";
import type { Head } from "./log.js";
import { checkUnfinishedSeal, headProblem, loadLog, readHead, type VerifyHead } from "./open.js";
import { overlaid } from "./overlay.js";
import { isIntact } from "./sealed.js";

/** A verified log to take from. */
export interface CopySource {
  readonly files: StoreFiles;
  readonly contents: LogContents;
  readonly head: Head | undefined;
  /** Where its journal begins. */
  readonly sealedEnd: number;
}

export interface Mended {
  /** The file, relative to the log's directory. */
  readonly path: string;
  /** What was wrong with it, and what became of it. */
  readonly what: string;
}

export interface Change extends Mended {
  /** The file's new bytes; undefined: it goes. */
  readonly content: () => Uint8Array | undefined;
}

function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof TlogError && error.code !== "io") return undefined;
    throw error;
  }
}

class Planner {
  readonly changes = new Map<string, Change>();
  readonly #files: StoreFiles;
  readonly #copy: CopySource;
  /** Files of the copy that its own journal still holds. */
  readonly #unsealed: ReadonlyMap<string, Uint8Array>;
  /** Bundles and journal records that both have alike: without a head of its own, the log is known by these. */
  #alike = 0;
  /** Sealed bundles that are sound in themselves, and not those of the copy. */
  readonly #other: number[] = [];

  /** Records may have been in the journal that are nowhere now. */
  #cut = false;

  constructor(files: StoreFiles, copy: CopySource) {
    this.#files = files;
    this.#copy = copy;
    this.#unsealed = new Map(copy.contents.filesToSeal().map(({ path, bytes }) => [path, bytes]));
  }

  refuse(problem: string, options?: ErrorOptions): never {
    const { contents, files } = this.#copy;
    const has = `${files.location}, which has entries ${contents.first} to ${contents.size - 1}`;
    const message = `log ${this.#files.location}: cannot be mended from ${has}: ${problem}; nothing was changed`;
    throw new TlogError("unmended", message, options);
  }

  #set(path: string, what: string, content: Change["content"]): void {
    this.changes.set(path, { path, what, content });
  }

  #state(path: string): string {
    return this.#files.read(path) === undefined ? "was missing" : "was damaged";
  }

  #known = (index: number): Uint8Array | undefined => {
    const { contents } = this.#copy;
    return index >= contents.first && index < contents.size ? contents.entry(index) : undefined;
  };

  #hasBundleBelow(entry: number): boolean {
    for (let bundle = 0; bundle < entry / TILE_WIDTH; bundle += 1) {
      if (this.#files.read(entriesPath(bundle)) !== undefined) return true;
    }
    return false;
  }

  /** The floor to mend at; never one above entries that are here. */
  floor(): number {
    const files = this.#files;
    const theirs = this.#copy.contents.first;
    const ours = orUndefined(() => readFloor(files).entry);
    const absent = files.read(FLOOR) === undefined;
    const lost = ours === undefined || (absent && theirs > 0 && !this.#hasBundleBelow(theirs));
    if (!lost) return ours;
    if (this.#hasBundleBelow(theirs))
      this.refuse(`${FLOOR} is damaged, and entries are here that the copy has not`);
    const bytes = this.#copy.files.read(FLOOR);
    const now =
      bytes === undefined ? "removed: the copy reaches to entry 0" : "taken from the copy";
    this.#set(FLOOR, `${this.#state(FLOOR)}; ${now}`, () => bytes);
    return theirs;
  }

  kept(floor: number): void {
    const files = this.#files;
    const same = floor === this.#copy.contents.first;
    const theirs = same ? this.#copy.files.read(KEPT) : undefined;
    const damaged = orUndefined(() => Kept.read(files)) === undefined;
    const missing = files.read(KEPT) === undefined && theirs !== undefined;
    if (!damaged && !missing) return;
    const now =
      theirs === undefined
        ? "removed: proofs of what was pruned need a whole copy"
        : "taken from the copy";
    this.#set(KEPT, `${this.#state(KEPT)}; ${now}`, () => theirs);
  }

  /** Bundles and tiles from the floor to `end`, as far as the copy has them. */
  sealed(floor: number, sealedEnd: number): void {
    for (let bundle = floor / TILE_WIDTH; bundle < sealedEnd / TILE_WIDTH; bundle += 1) {
      const path = entriesPath(bundle);
      const end = (bundle + 1) * TILE_WIDTH;
      const span = `entries ${bundle * TILE_WIDTH} to ${end - 1}`;
      const differs = this.#take(path, end, span);
      if (
        differs &&
        isIntact(this.#files.read(path) ?? new Uint8Array(0), this.#files.read(tilePath(0, bundle)))
      ) {
        this.#other.push(bundle);
      }
      this.#take(tilePath(0, bundle), end, "hashes");
    }
    for (const { level, index } of upperTiles(floor, sealedEnd))
      this.#take(tilePath(level, index), (index + 1) * TILE_WIDTH ** (level + 1), "hashes");
    if (this.#other[0] === 0)
      this.refuse("it is not a copy of this log, their first entries differ");
  }

  /** Only below `end` entries was the copy verified. Returns whether a file was here, and differs. */
  #take(path: string, end: number, what: string): boolean {
    if (end > this.#copy.contents.size) return false;
    const read = () => this.#unsealed.get(path) ?? this.#copy.files.read(path);
    const theirs = read();
    if (theirs === undefined) return false;
    const ours = this.#files.read(path);
    if (ours !== undefined && bytesEqual(ours, theirs)) {
      this.#alike += 1;
      return false;
    }
    this.#set(path, `${this.#state(path)}; ${what} taken from the copy`, read);
    return ours !== undefined;
  }

  /** Where the bundles end that are here one after the other, from that of entry `from` on. */
  #bundlesEnd(from: number): number {
    let bundle = Math.floor(from / TILE_WIDTH);
    while (this.#files.read(entriesPath(bundle)) !== undefined) bundle += 1;
    return bundle * TILE_WIDTH;
  }

  /** Where sealed bundles end and the journal begins. */
  journal(floor: number): number {
    const { contents, sealedEnd } = this.#copy;
    const bytes = this.#files.read(JOURNAL) ?? new Uint8Array(0);
    const stated = journalFirst(bytes);
    const start =
      stated ?? this.#bundlesEnd(Math.max(floor, Math.min(sealedEnd, contents.unsealedFrom)));
    const ours = salvageJournal(bytes, start, this.#known);
    for (const [index, entry] of ours) {
      const theirs = this.#known(index);
      if (theirs === undefined) continue;
      if (!bytesEqual(entry, theirs))
        this.refuse(`it is not a copy of this log, entry ${index} is intact in both and differs`);
      this.#alike += 1;
    }
    let first = stated ?? Math.max(start, sealedEnd);
    let entries = this.#run(first, ours);
    const end = this.#bundlesEnd(first + entries.length);
    if (end > first + entries.length) {
      first = end;
      entries = this.#run(first, ours);
    }
    this.#setJournal(bytes, first, entries);
    return first;
  }

  #run(first: number, ours: ReadonlyMap<number, Uint8Array>): Uint8Array[] {
    const entries: Uint8Array[] = [];
    for (let index = first; ; index += 1) {
      const entry = ours.get(index) ?? this.#known(index);
      if (entry === undefined) return entries;
      entries.push(entry);
    }
  }

  #setJournal(bytes: Uint8Array, first: number, entries: readonly Uint8Array[]): void {
    const parsed = orUndefined(() => parseJournal(this.#files, bytes));
    const content = encodeJournal(first, entries);
    if (parsed !== undefined && bytesEqual(bytes.subarray(0, parsed.length), content)) return;
    const end = first + entries.length;
    this.#cut = parsed === undefined;
    const cut = this.#cut
      ? `; what it may have held from entry ${end} on is lost, none of it under the head`
      : "";
    this.#set(
      JOURNAL,
      `${parsed === undefined ? this.#state(JOURNAL) : "ended early"}; entries ${first} to ${end - 1}, put together from it and the copy${cut}`,
      () => content,
    );
  }

  head(verify: VerifyHead | undefined): Head | undefined {
    const files = this.#files;
    const ours = orUndefined(() => readHead(files, verify));
    const theirs = this.#copy.head;
    if (ours !== undefined) {
      const { origin } = ours.checkpoint;
      const other = theirs?.checkpoint.origin ?? origin;
      if (origin !== other) this.refuse(`it is a copy of the log ${other}, this is ${origin}`);
      return ours;
    }
    const bytes = this.#copy.files.read(CHECKPOINT);
    if (theirs === undefined && files.read(CHECKPOINT) === undefined) return undefined;
    if (theirs === undefined) this.refuse(`${CHECKPOINT} is damaged, and the copy has none`);
    const { size } = theirs.checkpoint;
    const from = `no head here holds what follows its ${size} entries`;
    this.#set(CHECKPOINT, `${this.#state(CHECKPOINT)}; taken from the copy: ${from}`, () => bytes);
    return undefined;
  }

  /** Without a head of its own, only what both have alike says that the log is the one that was copied. */
  requireKnown(): void {
    if (this.#cut) {
      this.refuse(`${CHECKPOINT} and ${JOURNAL} are both damaged: what was signed cannot be told`);
    }
    if (this.#alike === 0)
      this.refuse("without a head and entries here nothing says that it is a copy of this log");
    const [bundle] = this.#other;
    if (bundle === undefined) return;
    this.refuse(
      `it is not a copy of this log, ${entriesPath(bundle)} is intact in both and differs`,
    );
  }

  async verify(ours: Head | undefined, end: number, verify: VerifyHead | undefined): Promise<void> {
    const planned = overlaid(this.#files, this.changes);
    const size =
      parseJournal(planned, planned.read(JOURNAL) ?? new Uint8Array(0)).records.length + end;
    const signed = ours?.checkpoint.size ?? 0;
    if (signed > size) {
      const lost = `entries ${size} to ${signed - 1}, which were signed, are not in it, and are lost here`;
      this.refuse(`${lost}; another copy, or the federation's, has to have them`);
    }
    try {
      const { contents } = await loadLog(planned, verify);
      const { head } = this.#copy;
      const reach = head === undefined || head.checkpoint.size < contents.first;
      const fork = reach ? undefined : headProblem(contents, head);
      if (fork !== undefined) this.refuse(`it is not a copy of this log, its head: ${fork}`);
      for (const { path, bytes } of contents.filesToSeal()) {
        const found = planned.read(path);
        if (found !== undefined && !bytesEqual(found, bytes))
          this.#set(path, "was damaged; made from the journal", () => bytes);
      }
      checkUnfinishedSeal(planned, contents);
    } catch (cause) {
      if (cause instanceof TlogError && cause.code === "unmended") throw cause;
      this.refuse(`with what it has, there is still: ${messageOf(cause)}`, { cause });
    }
  }
}

/** In the order to write: a journal or head in force is never ahead of what it needs. Throws TlogError "unmended". */
export async function planRepair(
  files: StoreFiles,
  copy: CopySource,
  verify: VerifyHead | undefined,
): Promise<{ readonly changes: readonly Change[]; readonly mended: readonly Mended[] }> {
  const plan = new Planner(files, copy);
  const head = plan.head(verify);
  const floor = plan.floor();
  plan.kept(floor);
  const end = plan.journal(floor);
  plan.sealed(floor, end);
  if (head === undefined && plan.changes.size > 0) plan.requireKnown();
  await plan.verify(head, end, verify);
  const last = [KEPT, FLOOR, CHECKPOINT, JOURNAL];
  const changes = [...plan.changes.values()].sort(
    (a, b) => last.indexOf(a.path) - last.indexOf(b.path),
  );
  return { changes, mended: changes.map(({ path, what }) => ({ path, what })) };
}
