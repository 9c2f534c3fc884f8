/**
 * Signed checkpoints that a destination has still to see, in one small durable document. Whoever can write it can
 * delay delivery, no more: a note counts only with this log's root and this log's signature, and leaves
 * whose note is lost travel under a later one.
 */
import { bytesEqual, messageOf } from "@wattseal/base";
import { type Checkpoint, verifyCheckpoint } from "@wattseal/tlog";
import { UplinkError } from "./errors.js";
import {
  LEAF_HEAD_BYTES,
  MAX_NOTE_BYTES,
  TARGET_BATCH_BYTES,
  TARGET_BATCH_LEAVES,
} from "./limits.js";
import type { OwnLog } from "./receipt.js";

export interface PendingCheckpoint {
  readonly size: number;
  /** Signed note text. */
  readonly note: string;
  /** `leafBytes` of the leaves between the checkpoint before and this one; an upper bound will do. */
  readonly bytes: number;
}

/** What leaves take in a message. */
export function leafBytes(leaves: Iterable<Uint8Array>): number {
  let bytes = 0;
  for (const leaf of leaves) bytes += leaf.length + LEAF_HEAD_BYTES;
  return bytes;
}

export interface PendingOptions {
  readonly origin: string;
  /** The saved document. */
  readonly stored: string | undefined;
  /** What every destination has: nothing below is pending. */
  readonly witnessed: number;
  readonly log: OwnLog;
  /** Makes the document durable, atomically, before it resolves. */
  save(document: string): Promise<void>;
}

const HEADER = "wattseal pending checkpoints 1";
/** Some 300 KB and 262,144 leaves at least; what is older is sent as responses. */
const MAX_PENDING = 1024;

export class PendingCheckpoints {
  readonly #save: (document: string) => Promise<void>;
  #base: number;
  #list: readonly PendingCheckpoint[];
  #saving: Promise<void> = Promise.resolve();

  private constructor(
    save: PendingOptions["save"],
    base: number,
    list: readonly PendingCheckpoint[],
  ) {
    this.#save = save;
    this.#base = base;
    this.#list = list;
  }

  /** Never throws for what is stored: notes that do not hold are dropped, each with a reason for the operator. */
  static load(options: PendingOptions): {
    readonly pending: PendingCheckpoints;
    readonly dropped: readonly string[];
  } {
    const dropped: string[] = [];
    let base = options.witnessed;
    const list: PendingCheckpoint[] = [];
    const parsed = options.stored === undefined ? undefined : parse(options.stored, dropped);
    if (parsed !== undefined) base = Math.max(base, parsed.base);
    for (const pending of parsed?.list ?? []) {
      if (pending.size <= base) continue;
      const problem = problemOf(pending, list.at(-1), options);
      if (problem === undefined) list.push(pending);
      else dropped.push(`checkpoint of size ${pending.size}: ${problem}`);
    }
    // Without its predecessor a note's byte count says nothing about the leaves before it.
    if (dropped.length > 0) base = list.at(-1)?.size ?? base;
    const kept = dropped.length > 0 ? list.slice(-1) : list;
    return { pending: new PendingCheckpoints((text) => options.save(text), base, kept), dropped };
  }

  /** Where the first checkpoint's leaves begin: what lies below can only be sent as responses. */
  get base(): number {
    return this.#base;
  }

  /** Ascending. */
  get list(): readonly PendingCheckpoint[] {
    return this.#list;
  }

  get newest(): PendingCheckpoint | undefined {
    return this.#list.at(-1);
  }

  /**
   * Resolves when all of them are durable; before that nobody may see any. Concurrent calls are saved in their
   * order. Throws UplinkError `pending-order` unless sizes grow, and whatever `save` throws.
   */
  add(...checkpoints: readonly PendingCheckpoint[]): Promise<void> {
    const turn = this.#saving.then(async () => {
      let list = this.#list;
      for (const checkpoint of checkpoints) {
        const last = list.at(-1)?.size ?? this.#base;
        if (checkpoint.size <= last) {
          throw new UplinkError(
            "pending-order",
            `a checkpoint of size ${checkpoint.size} does not follow ${last}`,
          );
        }
        list = thinned(list, this.#base, checkpoint);
      }
      await this.#save(format(this.#base, list));
      this.#adopt(list);
    });
    this.#saving = turn.catch(() => {});
    return turn;
  }

  /** Forgets what every destination has, but for the newest checkpoint; the document follows with the next `add`. */
  prune(witnessedByAll: number): void {
    const newest = this.#list.at(-1);
    const behind = this.#list.filter((c) => c.size <= witnessedByAll && c !== newest).at(-1);
    if (behind === undefined) return;
    this.#base = behind.size;
    this.#list = this.#list.filter((c) => c.size > behind.size);
  }

  #adopt(list: readonly PendingCheckpoint[]): void {
    const kept = list.slice(-MAX_PENDING);
    const before = list.at(-MAX_PENDING - 1);
    if (before !== undefined) this.#base = before.size;
    this.#list = kept.filter((c) => c.size > this.#base); // a prune may have come between
  }
}

/** Merges the last two where one batch can carry both: an outage then costs a note per batch, not one per ten seconds. */
function thinned(
  list: readonly PendingCheckpoint[],
  base: number,
  added: PendingCheckpoint,
): readonly PendingCheckpoint[] {
  const last = list.at(-1);
  if (last === undefined) return [added];
  const from = list.at(-2)?.size ?? base;
  const bytes = last.bytes + added.bytes;
  if (added.size - from > TARGET_BATCH_LEAVES || bytes > TARGET_BATCH_BYTES) {
    return [...list, added];
  }
  return [...list.slice(0, -1), { ...added, bytes }];
}

function format(base: number, list: readonly PendingCheckpoint[]): string {
  const records = list.map((c) => `${c.size} ${c.bytes} ${c.note.length}\n${c.note}`);
  return `${HEADER}\n${base}\n${records.join("")}`;
}

function parse(document: string, dropped: string[]) {
  const [, digits] = /^[^\n]*\n([0-9]{1,15})\n/.exec(document) ?? [];
  if (!document.startsWith(`${HEADER}\n`) || digits === undefined) {
    dropped.push("document: has no header");
    return undefined;
  }
  const list: PendingCheckpoint[] = [];
  let at = HEADER.length + digits.length + 2;
  while (at < document.length) {
    const line = /^([0-9]{1,15}) ([0-9]{1,15}) ([0-9]{1,4})\n/.exec(document.slice(at, at + 64));
    const [head = "", size, bytes, length] = line ?? [];
    const begin = at + head.length;
    const end = begin + Number(length ?? MAX_NOTE_BYTES + 1);
    if (line === null || end > document.length) {
      dropped.push(`document: is malformed from offset ${at} on`);
      break;
    }
    list.push({ size: Number(size), bytes: Number(bytes), note: document.slice(begin, end) });
    at = end;
  }
  return { base: Number(digits), list };
}

function problemOf(
  pending: PendingCheckpoint,
  before: PendingCheckpoint | undefined,
  { origin, log }: PendingOptions,
): string | undefined {
  if (pending.size <= (before?.size ?? 0)) return "is out of order";
  if (pending.size > log.size) return `the log has only ${log.size} leaves`;
  const publicKey = log.keyAt(pending.size);
  if (publicKey === undefined) return "no epoch had begun there";
  let checkpoint: Checkpoint;
  let root: Uint8Array;
  try {
    checkpoint = verifyCheckpoint(pending.note, { name: origin, publicKey });
    root = log.root(pending.size); // a pruned log has no roots below its first entry
  } catch (error) {
    return messageOf(error);
  }
  if (checkpoint.size !== pending.size) return `its note is of size ${checkpoint.size}`;
  return bytesEqual(checkpoint.root, root) ? undefined : "its root is not the log's";
}
