import { bytesEqual, messageOf, sha256, toHex } from "@wattseal/base";
import { decodeEntry } from "@wattseal/energy-ledger";
import { VerifierError } from "../errors.js";
import { type AcceptedAuthorities, LogReplay } from "./replay.js";

/** A log whose files were verified against its last head, as it was opened. */
export interface ResumableLog {
  /** The lowest entry that is here. */
  readonly firstEntry: number;
  /** The last head; that its signature holds is checked by the replay, once it has come there. */
  readonly head: { readonly checkpoint: { readonly size: number } } | undefined;
  entry(index: number): Uint8Array;
  root(size: number): Uint8Array;
}

/** With the files beside it. */
export interface SnapshotLog extends ResumableLog {
  readonly durableSize: number;
  /** Names. */
  documents(): readonly string[];
  readDocumentBytes(name: string): Uint8Array | undefined;
}

const NAME = /^snapshot\.([0-9a-f]{16})$/;

/** Name of the file that holds the snapshot of what is before entry `index`. */
export function snapshotName(index: number): string {
  return `snapshot.${index.toString(16).padStart(16, "0")}`;
}

/** The index that a file's name says; undefined for another file's name. */
export function snapshotIndex(name: string): number | undefined {
  const index = Number.parseInt(NAME.exec(name)?.[1] ?? "", 16);
  return Number.isSafeInteger(index) ? index : undefined;
}

/**
 * The replay that goes on at entry `index` from a snapshot that only a file says, once the log vouches for it:
 * the entry is an ops.snapshot of these bytes' SHA-256 and lies under the head; document and epochs are verified
 * again; the tree is the log's (docs/ledger-format.md K-8). The caller still holds the head against the replay.
 * Throws VerifierError `snapshot`.
 *
 * Trust: who writes the file can have it refused, and no more.
 */
export function resumeReplay(
  bytes: Uint8Array,
  index: number,
  log: ResumableLog,
  trust: AcceptedAuthorities | undefined,
): LogReplay {
  const problem = vouching(bytes, index, log);
  if (problem !== undefined) throw refusal(index, problem);
  const replay = LogReplay.fromSnapshot(bytes, trust);
  if (replay.size !== index) throw refusal(index, `it is of ${replay.size} entries`);
  if (!bytesEqual(replay.root(), log.root(index))) throw refusal(index, "it is of another log");
  return replay;
}

/**
 * The replay that begins where the log does: at entry 0 or, where that was pruned, at the first snapshot that holds.
 * Throws VerifierError `snapshot`, saying why none does.
 */
export function firstReplay(log: SnapshotLog, trust: AcceptedAuthorities | undefined): LogReplay {
  const { firstEntry } = log;
  if (firstEntry === 0) return new LogReplay(trust);
  let problem = "no snapshot says what was before";
  for (const index of snapshotsOf(log)) {
    try {
      return resumeReplay(snapshotBytes(log, index), index, log, trust);
    } catch (error) {
      problem = messageOf(error);
    }
  }
  throw new VerifierError("snapshot", `the log begins at entry ${firstEntry}: ${problem}`);
}

/** Of entries that are here, in their order. */
function snapshotsOf(log: SnapshotLog): readonly number[] {
  const found = log.documents().map(snapshotIndex);
  const indices = found.filter((index) => index !== undefined).sort((a, b) => a - b);
  return indices.filter((index) => index >= log.firstEntry);
}

function snapshotBytes(log: SnapshotLog, index: number): Uint8Array {
  return log.readDocumentBytes(snapshotName(index)) ?? new Uint8Array();
}

/** What files beside a log hold against the entries that vouch for them. */
export interface SnapshotFindings {
  /** Files of entries that are here. */
  readonly found: number;
  /** The first that is not what its entry states; `entries` before it hold, none where a file broke already. */
  readonly problem:
    | { readonly index: number; readonly entries: number; readonly reason: string }
    | undefined;
}

/** Compares every snapshot beside a log with what its entry states, but for those of entries that were pruned. */
export function checkSnapshots(log: SnapshotLog): SnapshotFindings {
  const size = log.durableSize;
  const indices = snapshotsOf(log);
  const refused = (name: string, index: number, entries: number, problem: string) => ({
    found: indices.length,
    problem: { index, entries, reason: `${name} beside the log: ${problem}` },
  });
  const stray = log
    .documents()
    .find((name) => NAME.test(name) && (snapshotIndex(name) ?? size) >= size);
  if (stray !== undefined) return refused(stray, size, 0, `the log has ${size} entries`);
  for (const index of indices) {
    const name = snapshotName(index);
    let bytes: Uint8Array;
    try {
      bytes = snapshotBytes(log, index);
    } catch (cause) {
      return refused(name, index, 0, messageOf(cause));
    }
    const problem = digestProblem(bytes, index, log);
    if (problem !== undefined) return refused(name, index, index, problem);
  }
  return { found: indices.length, problem: undefined };
}

function vouching(bytes: Uint8Array, index: number, log: ResumableLog): string | undefined {
  if (index < log.firstEntry) return "its entry was pruned";
  if (index >= (log.head?.checkpoint.size ?? 0)) return "its entry is not under the signed head";
  return digestProblem(bytes, index, log);
}

function digestProblem(bytes: Uint8Array, index: number, log: ResumableLog): string | undefined {
  const { type, body } = decodeEntry(log.entry(index));
  if (type !== "ops.snapshot") return `entry ${index} is ${type}, which vouches for nothing`;
  const digest = sha256(bytes);
  if (bytesEqual(digest, body.digest)) return undefined;
  return `its SHA-256 is ${toHex(digest)}, but entry ${index} says ${toHex(body.digest)}`;
}

function refusal(index: number, problem: string): VerifierError {
  return new VerifierError("snapshot", `${snapshotName(index)}: ${problem}`);
}
