import { TlogError } from "../errors.js";
import { type Checkpoint, unverifiedCheckpoint } from "../note/checkpoint.js";
import type { Frontier } from "../tree/frontier.js";
import { consistencyProof, inclusionProof, rootAt } from "../tree/proofs.js";
import type { LogContents } from "./contents.js";
import { documentNames, readDocument, readDocumentBytes } from "./documents.js";
import type { StoreFiles } from "./files.js";
import type { ParsedJournal } from "./journal.js";

export interface Head {
  /** The signed note as it was written. */
  readonly note: string;
  readonly checkpoint: Checkpoint;
}

/** What opening found, for the operator. */
export interface OpenResult {
  /** No log was there, and an empty one was made. */
  readonly created: boolean;
  /** A record whose writing was cut short, never acknowledged: removed (or, read-only, ignored). */
  readonly cut: { readonly bytes: number } | undefined;
}

export function openResult(parsed: ParsedJournal | undefined): OpenResult {
  const partial = parsed?.partial ?? 0;
  return { created: parsed === undefined, cut: partial === 0 ? undefined : { bytes: partial } };
}

export interface LogParts {
  readonly files: StoreFiles;
  readonly contents: LogContents;
  readonly opened: OpenResult;
  readonly head: Head | undefined;
}

export function headOf(note: string): Head {
  return { note, checkpoint: unverifiedCheckpoint(note) };
}

/** A log on disk, verified as it was opened. Every read is of durable entries, and synchronous. */
export class StoredLog {
  readonly opened: OpenResult;
  protected readonly files: StoreFiles;
  protected readonly contents: LogContents;
  protected lastHead: Head | undefined;

  constructor(parts: LogParts) {
    this.files = parts.files;
    this.contents = parts.contents;
    this.opened = parts.opened;
    this.lastHead = parts.head;
  }

  /** Number of entries that are durable. */
  get durableSize(): number {
    return this.contents.size;
  }

  /**
   * The lowest entry that is here: 0, or where the log was pruned (C2SP tlog-tiles: its minimum index). Entries
   * below, proofs of them and roots of smaller trees throw TlogError "pruned", but for `keptEntries`.
   */
  get firstEntry(): number {
    return this.contents.first;
  }

  /** Entries below `firstEntry` that pruning kept, with what proves them and that later trees extend theirs. Ascending. */
  get keptEntries(): readonly number[] {
    const below = (index: number) => index < this.firstEntry;
    return [...this.contents.kept.entries.keys()].filter(below).sort((a, b) => a - b);
  }

  /** The last signed head that was written here. */
  get head(): Head | undefined {
    return this.lastHead;
  }

  /** Right edge of the durable tree; a copy. */
  get frontier(): Frontier {
    return this.contents.frontier();
  }

  /** Root of the first `size` entries (default: all durable ones), 32 bytes. */
  root(size = this.durableSize): Uint8Array {
    this.#requireSize(size);
    return size === this.durableSize
      ? this.contents.frontier().root()
      : rootAt(size, this.contents.node);
  }

  leafHash(index: number): Uint8Array {
    return this.contents.leafHash(index);
  }

  /** A view of up to 16 KiB that the log keeps: do not write to it. */
  entry(index: number): Uint8Array {
    return this.contents.entry(index);
  }

  /** Entries from `from` up to, not including, `to` (default: the durable size now); begin at `firstEntry` in a pruned log. */
  *entries(from = 0, to = this.durableSize): Generator<Uint8Array, void, undefined> {
    for (let index = from; index < to; index += 1) yield this.contents.entry(index);
  }

  /** RFC 9162 §2.1.3.1, in the tree of `size` entries (default: all durable ones). */
  inclusionProof(index: number, size = this.durableSize): Uint8Array[] {
    this.#requireSize(size);
    return inclusionProof(index, size, this.contents.node);
  }

  /** RFC 9162 §2.1.4.1; empty from size 0. */
  consistencyProof(size1: number, size2 = this.durableSize): Uint8Array[] {
    this.#requireSize(size2);
    return consistencyProof(size1, size2, this.contents.node);
  }

  /** A small named text beside the log, such as a receipt; undefined when it was never written. */
  readDocument(name: string): string | undefined {
    return readDocument(this.files, name);
  }

  /** The same of one that is no text. */
  readDocumentBytes(name: string): Uint8Array | undefined {
    return readDocumentBytes(this.files, name);
  }

  /** Names of everything that `readDocument` and `readDocumentBytes` find. */
  documents(): readonly string[] {
    return documentNames(this.files);
  }

  #requireSize(size: number): void {
    if (!Number.isSafeInteger(size) || size < 0 || size > this.durableSize) {
      const problem = `no tree of ${size} among ${this.durableSize} entries`;
      throw new TlogError("range", `log ${this.files.location}: ${problem}`);
    }
  }
}
