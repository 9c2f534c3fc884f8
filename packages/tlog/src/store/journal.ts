/**
 * The journal: entries that are durable but not yet in a sealed bundle.
 * Header (24 bytes): "wslog 1\n" ‖ u64le index of the first entry ‖ SHA-256 of these 16 bytes, first 8.
 * Record: u32le length ‖ u32le check of length and index ‖ entry ‖ leaf hash (32 bytes).
 * Whoever can write it can append entries that nobody signed; it can alter none that a signed head covers.
 */
import { bytesEqual, concatBytes, MAX_ENTRY_LENGTH, sha256, utf8, viewOf } from "@wattseal/base";
import { HASH_LENGTH, leafHash } from "../tree/hash.js";
import type { AppendFile, StoreFiles } from "./files.js";
import { JOURNAL, refuseFile, TEMPORARY } from "./layout.js";

const MAGIC = utf8("wslog 1\n");
const HEADER_LENGTH = 24;
const PREFIX_LENGTH = 8;
const TWO_32 = 2 ** 32;

export interface JournalRecord {
  readonly entry: Uint8Array;
  readonly leafHash: Uint8Array;
}

export interface ParsedJournal {
  /** Index of the first record. */
  readonly first: number;
  readonly records: readonly JournalRecord[];
  /** Bytes of header and complete records. */
  readonly length: number;
  /** Bytes after them: a record whose writing was cut short. */
  readonly partial: number;
}

/** One value for each length at a given index (both steps are bijective), so no flip goes unseen. */
function lengthCheck(length: number, index: number): number {
  return (Math.imul(length ^ (index % TWO_32), 0x9e3779b1) ^ 0x57544c47) >>> 0;
}

function header(first: number): Uint8Array {
  const named = new Uint8Array(MAGIC.length + 8);
  named.set(MAGIC);
  viewOf(named).setBigUint64(MAGIC.length, BigInt(first), true);
  return concatBytes(named, sha256(named).subarray(0, HEADER_LENGTH - named.length));
}

function recordsLength(entries: readonly Uint8Array[]): number {
  return entries.reduce((sum, entry) => sum + PREFIX_LENGTH + entry.length + HASH_LENGTH, 0);
}

/** What an append adds to the journal. */
export interface EncodedRecords {
  readonly bytes: Uint8Array;
  /** Their entries are views into `bytes`. */
  readonly records: readonly JournalRecord[];
}

/** Records for entries that begin at index `first`; copies and hashes each entry once. */
export function encodeEntries(entries: readonly Uint8Array[], first: number): EncodedRecords {
  const bytes = new Uint8Array(recordsLength(entries));
  const view = viewOf(bytes);
  let at = 0;
  const records = entries.map((entry, i) => {
    const begin = at + PREFIX_LENGTH;
    const end = begin + entry.length;
    const hash = leafHash(entry);
    view.setUint32(at, entry.length, true);
    view.setUint32(at + 4, lengthCheck(entry.length, first + i), true);
    bytes.set(entry, begin);
    bytes.set(hash, end);
    at = end + HASH_LENGTH;
    return { entry: bytes.subarray(begin, end), leafHash: hash };
  });
  return { bytes, records };
}

function parseHeader(files: StoreFiles, bytes: Uint8Array): number {
  if (bytes.length < HEADER_LENGTH)
    refuseFile(files, JOURNAL, "its header is cut short (at byte 0)");
  const first = Number(viewOf(bytes).getBigUint64(MAGIC.length, true));
  if (!bytesEqual(bytes.subarray(0, HEADER_LENGTH), header(first))) {
    refuseFile(files, JOURNAL, "its header is damaged (at byte 0)");
  }
  return first;
}

interface BadRecord {
  readonly bytes: Uint8Array;
  /** Where the record begins, and where in it the fault does. */
  readonly at: number;
  readonly suspect: number;
}

/**
 * A file system that grew the file before a power cut took its content leaves zeros. Only a person may cut those:
 * they cannot be told from records that something erased.
 */
function refuseRecord(
  files: StoreFiles,
  problem: string,
  { bytes, at, suspect }: BadRecord,
): never {
  if (bytes.subarray(suspect).some((byte) => byte !== 0)) refuseFile(files, JOURNAL, problem);
  const zeros = `all ${bytes.length - suspect} bytes from ${suspect} on are zero, as in a tail that a power cut left unwritten, which was never acknowledged`;
  const cut = `keep a copy, cut the file with "truncate -s ${at} ${files.location}/${JOURNAL}"`;
  const first = `${cut}, and open the log again (what is left is held against the last signed head)`;
  refuseFile(files, JOURNAL, `${problem}: ${zeros}`, "corrupt", { first });
}

/** Checks every complete record; throws TlogError "corrupt" with entry index and byte offset. */
export function parseJournal(files: StoreFiles, bytes: Uint8Array): ParsedJournal {
  const first = parseHeader(files, bytes);
  const view = viewOf(bytes);
  const records: JournalRecord[] = [];
  let at = HEADER_LENGTH;
  while (bytes.length - at >= PREFIX_LENGTH) {
    const index = first + records.length;
    const length = view.getUint32(at, true);
    const place = `entry ${index} (at byte ${at})`;
    if (view.getUint32(at + 4, true) !== lengthCheck(length, index) || length > MAX_ENTRY_LENGTH) {
      refuseRecord(files, `the length of ${place} is damaged`, { bytes, at, suspect: at });
    }
    const end = at + PREFIX_LENGTH + length;
    if (end + HASH_LENGTH > bytes.length) break;
    const entry = bytes.subarray(at + PREFIX_LENGTH, end);
    const hash = bytes.subarray(end, end + HASH_LENGTH);
    if (!bytesEqual(leafHash(entry), hash)) {
      refuseRecord(files, `${place} is damaged`, { bytes, at, suspect: end });
    }
    records.push({ entry, leafHash: hash });
    at = end + HASH_LENGTH;
  }
  return { first, records, length: at, partial: bytes.length - at };
}

/** A journal's bytes, of entries that begin at index `first`. */
export function encodeJournal(first: number, entries: readonly Uint8Array[]): Uint8Array {
  return concatBytes(header(first), encodeEntries(entries, first).bytes);
}

/** Where a journal begins; undefined where its header is damaged. */
export function journalFirst(bytes: Uint8Array): number | undefined {
  if (bytes.length < HEADER_LENGTH) return undefined;
  const first = Number(viewOf(bytes).getBigUint64(MAGIC.length, true));
  const intact = bytesEqual(bytes.subarray(0, HEADER_LENGTH), header(first));
  return intact ? first : undefined;
}

/**
 * By index: the entries of a damaged journal's intact records, the first of which is that of entry `first`. Where a
 * record is damaged, `known` may say what the entry was, and with that where the next record begins.
 */
export function salvageJournal(
  bytes: Uint8Array,
  first: number,
  known: (index: number) => Uint8Array | undefined,
): ReadonlyMap<number, Uint8Array> {
  const view = viewOf(bytes);
  const found = new Map<number, Uint8Array>();
  let at = HEADER_LENGTH;
  for (let index = first; at + PREFIX_LENGTH <= bytes.length; index += 1) {
    const stated = view.getUint32(at, true);
    const sound = view.getUint32(at + 4, true) === lengthCheck(stated, index);
    const length = sound && stated <= MAX_ENTRY_LENGTH ? stated : known(index)?.length;
    if (length === undefined) break;
    const end = at + PREFIX_LENGTH + length;
    if (end + HASH_LENGTH > bytes.length) break;
    const entry = bytes.subarray(at + PREFIX_LENGTH, end);
    const intact = bytesEqual(leafHash(entry), bytes.subarray(end, end + HASH_LENGTH));
    if (intact) found.set(index, entry);
    else if (known(index) === undefined) break;
    at = end + HASH_LENGTH;
  }
  return found;
}

/** The end of the journal file, and its replacement once what it holds is sealed. */
export class Journal {
  readonly #file: AppendFile;
  #length: number;

  private constructor(file: AppendFile, length: number) {
    this.#file = file;
    this.#length = length;
  }

  /**
   * Opens an existing journal at its last complete record and cuts what follows. Syncs either way: after a kill the
   * records may be in the page cache alone, and from here on they count as durable.
   */
  static async resume(files: StoreFiles, parsed: ParsedJournal): Promise<Journal> {
    const journal = new Journal(await files.openAppend(JOURNAL), parsed.length);
    if (parsed.partial > 0) await journal.#cut();
    else await journal.#file.sync();
    return journal;
  }

  /** Puts a new journal in the place of any other; durable when it returns. */
  static async start(
    files: StoreFiles,
    first: number,
    entries: readonly Uint8Array[],
  ): Promise<Journal> {
    const bytes = encodeJournal(first, entries);
    const temporary = `${TEMPORARY}/${JOURNAL}`;
    await files.writeFiles([{ path: temporary, bytes }]);
    await files.rename(temporary, JOURNAL);
    await files.syncDirectory("");
    return new Journal(await files.openAppend(JOURNAL), bytes.length);
  }

  /** Durable when it returns; when it throws, the file is cut back where that is still possible. */
  async append(bytes: Uint8Array): Promise<void> {
    try {
      await this.#file.write(bytes, this.#length);
      await this.#file.sync();
    } catch (error) {
      await this.#cut().catch(() => {}); // a partial record is cut at the next open as well
      throw error;
    }
    this.#length += bytes.length;
  }

  async #cut(): Promise<void> {
    await this.#file.truncate(this.#length);
    await this.#file.sync();
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
