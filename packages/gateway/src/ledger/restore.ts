/**
 * Taking a pack's log back from a copy. The copy is made beside the log, in a folder of its own, and verified there to
 * its last byte before anything takes the log's place. It has to reach every signed head that is known of: a log that
 * went on from less would contradict what somebody holds.
 */
import { bytesEqual, messageOf, toHex } from "@wattseal/base";
import type { ContinuedLog } from "@wattseal/lct-keys";
import type { LctDocument } from "@wattseal/lct-keys/verify";
import {
  type Checkpoint,
  formatNote,
  parseNote,
  unverifiedCheckpoint,
  witnessLines,
} from "@wattseal/tlog";
import { LogStore, type StoredLog } from "@wattseal/tlog/store";
import type { Destination } from "@wattseal/uplink";
import { type AuditReport, auditLog, firstReplay, type Trust } from "@wattseal/verifier";
import { GatewayError } from "../errors.js";
import { RECEIPT_PREFIX, receiptDocument } from "./receipts.js";

/** A log as a federation gives it out. Nothing of it is believed before `judgeCopy`. */
export interface OfferedLog {
  /** Its last cosigned head, which covers `size` entries. */
  readonly receipt: string;
  readonly size: number;
  /** Entries from `from` up to `size`, in their order. */
  entries(from: number): AsyncIterable<readonly Uint8Array[]>;
}

export interface FetchOptions {
  /** Of the copy: empty, or with what an earlier call got there. */
  readonly directory: string;
  readonly offered: OfferedLog;
  /** Whose cosignatures are kept as receipts. */
  readonly destinations: readonly Destination[];
  readonly progress?: (entries: number, of: number) => void;
}

/** Writes down what is offered, going on where an earlier call was cut. Throws TlogError, and what the source throws. */
export async function fetchLog(options: FetchOptions): Promise<void> {
  const { directory, offered, destinations, progress } = options;
  const store = await LogStore.open({ directory });
  try {
    for await (const entries of offered.entries(store.size)) {
      await store.append(entries);
      progress?.(store.size, offered.size);
    }
    const { origin } = unverifiedCheckpoint(offered.receipt);
    const { text, signatures } = parseNote(offered.receipt);
    const own = signatures.filter(({ name }) => name === origin);
    await store.writeHead(formatNote({ text, signatures: own }));
    for (const destination of destinations) {
      const lines = witnessLines(offered.receipt, destination, origin);
      const cosigned = [...own, ...lines.map(({ line }) => line)];
      for (const { publicKey } of lines) {
        const receipt = formatNote({ text, signatures: cosigned });
        await store.writeDocument(receiptDocument(destination.name, publicKey), receipt);
      }
    }
  } finally {
    await store.close();
  }
}

/** A head that is known of, and who has it: the log's own folder, a federation. */
export interface KnownHead {
  readonly where: string;
  readonly note: string;
}

export interface JudgeOptions {
  /** Of the copy. */
  readonly directory: string;
  readonly document: LctDocument;
  readonly trust: Trust;
  readonly heads: readonly KnownHead[];
  readonly progress?: (entries: number, of: number) => void;
}

export interface JudgedCopy {
  readonly report: AuditReport;
  /** Entries. */
  readonly size: number;
  /** As a signer is shown it. */
  readonly log: ContinuedLog;
  /** The last entry ends its epoch, and an accepted witness's receipt covers it. */
  readonly closed: boolean;
}

/** A head was signed beyond a copy: the entries `from` up to, not including, `to` are in none of the copies. */
export class CopyBehind extends GatewayError {
  readonly from: number;
  readonly to: number;

  constructor(where: string, from: number, to: number) {
    const entries = from + 1 === to ? `entry ${from} is` : `entries ${from} to ${to - 1} are`;
    super(
      "copy-behind",
      "input",
      `${where} has a head of ${to} entries, and the copy has ${from}: ${entries} signed, and in no copy at hand`,
    );
    this.from = from;
    this.to = to;
  }
}

/**
 * Verifies a copy whole, and that it is this pack's and reaches every head that is known. Throws GatewayError
 * `copy-refused`, `other-pack`, `copy-forked`, CopyBehind; TlogError for files that are no log.
 */
export async function judgeCopy(options: JudgeOptions): Promise<JudgedCopy> {
  const { directory, document, trust, heads, progress } = options;
  const log = await LogStore.openReadOnly({ directory });
  const { durableSize: size } = log;
  const replay = firstReplay(log, trust);
  const report = await auditLog(
    {
      from: replay,
      entries: log.entries(replay.size),
      checkpoint: log.head?.note,
      receipts: receiptsIn(log),
    },
    { trust, progress: (entries) => progress?.(entries, size) },
  );
  if (report.difference !== undefined) {
    const { index, reason } = report.difference;
    const place = index === undefined ? "its head" : `entry ${index}`;
    throw new GatewayError("copy-refused", "input", `the copy does not hold: ${place}: ${reason}`);
  }
  if (report.lct !== document.lct) {
    const message = `the copy is the log of ${report.lct}, not of ${document.lct}`;
    throw new GatewayError("other-pack", "input", message);
  }
  for (const head of heads) requireReaches(log, head, document);
  return {
    report,
    size,
    closed: replay.fold.epochEnded && report.witnessed === size,
    log: {
      size,
      root: log.root(size),
      lastCounter: replay.chain?.lastCounter ?? 0,
      bootVersion: replay.chain?.bootVersion ?? 0,
      consistencyProof: (from, to) => log.consistencyProof(from, to),
      head: log.head?.note,
      receipt: receiptsIn(log).at(-1),
    },
  };
}

function receiptsIn(log: StoredLog): readonly string[] {
  const names = log.documents().filter((name) => name.startsWith(RECEIPT_PREFIX));
  const notes = names.map((name) => log.readDocument(name) ?? "");
  return notes.sort((a, b) => sizeOf(a) - sizeOf(b));
}

function sizeOf(note: string): number {
  return unverifiedCheckpoint(note).size;
}

/** A note of another log, or none at all, says nothing of this one. */
function requireReaches(log: StoredLog, { where, note }: KnownHead, { origin }: LctDocument): void {
  let known: Checkpoint;
  try {
    known = unverifiedCheckpoint(note);
  } catch (cause) {
    const message = `what ${where} has for a signed head cannot be read: ${messageOf(cause)}`;
    throw new GatewayError("copy-refused", "input", message, { cause });
  }
  if (known.origin !== origin) return;
  if (known.size > log.durableSize) throw new CopyBehind(where, log.durableSize, known.size);
  if (known.size < log.firstEntry) return;
  const root = log.root(known.size);
  if (bytesEqual(root, known.root)) return;
  throw new GatewayError(
    "copy-forked",
    "input",
    `${where} has a head of ${known.size} entries with root ${toHex(known.root)}, and the copy's is ${toHex(root)}: two logs were signed, and nothing can go on from either`,
  );
}
