import { bytesEqual, InvariantViolation, type LctId, messageOf } from "@wattseal/base";
import type { EnergyTotals, SocietySummary } from "@wattseal/energy-ledger";
import type { EpochChain, EpochState } from "@wattseal/lct-keys/verify";
import { VerifierError, type VerifierErrorCode } from "../errors.js";
import type { Trust } from "../trust/trust.js";
import { HeadCheck } from "./heads.js";
import { LogReplay } from "./replay.js";

/** What is known of a log, wherever it comes from. */
export interface AuditSource {
  /** The replay to go on from, where the log begins later: `firstReplay`. */
  readonly from?: LogReplay | undefined;
  /** All entries' bytes, in order, from entry 0 or from where `from` stands. */
  readonly entries: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
  /** The last signed head, a note. */
  readonly checkpoint: string | undefined;
  /** Cosigned heads, notes, in any order. */
  readonly receipts?: readonly string[];
}

export interface AuditOptions {
  /** Whom to believe; without it the best verdict is "self-consistent only". */
  readonly trust?: Trust | undefined;
  /** Called now and then with the number of entries replayed. */
  readonly progress?: ((entries: number) => void) | undefined;
}

/** The first thing that does not hold. */
export interface AuditDifference {
  /** Of the entry at fault; undefined when it is a head. */
  readonly index: number | undefined;
  readonly code: VerifierErrorCode | "invariant" | "source";
  readonly reason: string;
}

/**
 * `verified`: every entry holds, is signed, and is witnessed by a quorum of those accepted. `verified from a snapshot`: the same
 * of every entry from `from` on; of those before, their signed and witnessed digest alone. `verified in part`: all
 * holds, but the end of the log is not signed or not witnessed yet. `self-consistent only`: nobody to believe was named.
 */
export type Verdict =
  | "verified"
  | "verified from a snapshot"
  | "verified in part"
  | "self-consistent only"
  | "refused";

export interface AuditReport {
  readonly verdict: Verdict;
  readonly difference: AuditDifference | undefined;
  /** The first entry that was replayed: 0, or where a snapshot was gone on from. */
  readonly from: number;
  /** Entries that hold: those from `from` on replayed without a difference. */
  readonly entries: number;
  /** Of those: covered by the log's signed head, and by the receipts of as many accepted witnesses as the quorum asks for. */
  readonly signed: number;
  readonly witnessed: number;
  /** Receipts met, and those of them that somebody accepted has cosigned: without trust none, whatever they say. */
  readonly receipts: { readonly found: number; readonly judged: number };
  /** Names of the accepted witnesses met. */
  readonly witnesses: readonly string[];
  /** How many of them have to have cosigned; undefined without trust. */
  readonly quorum: number | undefined;
  /** Name of the accepted authority that issued the log's identity. */
  readonly authority: string | undefined;
  readonly lct: LctId | undefined;
  readonly epochs: number;
  /** How many of them are worth what; a state that none is in is left out. */
  readonly epochStates: Readonly<Partial<Record<EpochState, number>>>;
  readonly energy: EnergyTotals;
  readonly society: SocietySummary;
}

const PROGRESS_EVERY = 4_096;

/**
 * Replays a log from where it begins: leaves, epochs, head and receipts, authorities' signatures, metering, windows,
 * society. Stops at the first difference and reports it; never throws for what the log says.
 */
export async function auditLog(
  source: AuditSource,
  { trust, progress }: AuditOptions = {},
): Promise<AuditReport> {
  const replay = source.from ?? new LogReplay(trust);
  const from = replay.size;
  let heads: HeadCheck | undefined;
  try {
    heads = new HeadCheck(source.checkpoint, source.receipts ?? [], trust);
    heads.leave(from);
    await replayAll(source.entries, replay, heads, progress);
    return reportOf(replay, from, heads, trust, undefined);
  } catch (thrown) {
    return reportOf(replay, from, heads, trust, differenceOf(thrown, replay.size));
  } finally {
    progress?.(replay.size);
  }
}

async function replayAll(
  entries: AuditSource["entries"],
  replay: LogReplay,
  heads: HeadCheck,
  progress: AuditOptions["progress"],
): Promise<void> {
  const take = (bytes: Uint8Array) => {
    replay.append(bytes);
    if (replay.size >= heads.next) heads.check(replay);
    if (replay.size % PROGRESS_EVERY === 0) progress?.(replay.size);
  };
  // awaiting each entry would cost as much as checking it
  if (Symbol.iterator in entries) for (const bytes of entries) take(bytes);
  else for await (const bytes of entries) take(bytes);
  heads.finish(replay);
}

function differenceOf(thrown: unknown, index: number): AuditDifference {
  const reason = messageOf(thrown);
  if (thrown instanceof VerifierError) return { index: thrown.index, code: thrown.code, reason };
  if (thrown instanceof InvariantViolation) return { index, code: "invariant", reason };
  return { index, code: "source", reason };
}

function reportOf(
  replay: LogReplay,
  from: number,
  heads: HeadCheck | undefined,
  trust: Trust | undefined,
  difference: AuditDifference | undefined,
): AuditReport {
  const { fold, chain } = replay;
  const issuer = chain?.document.issuer.publicKey;
  const authority = trust?.authorities.find(
    ({ publicKey }) => issuer !== undefined && bytesEqual(publicKey, issuer),
  );
  const complete = heads?.signed === replay.size && heads.witnessed === replay.size;
  const whole: Verdict = from === 0 ? "verified" : "verified from a snapshot";
  const trusted: Verdict = complete ? whole : "verified in part";
  const sound: Verdict = trust === undefined ? "self-consistent only" : trusted;
  return {
    verdict: difference === undefined ? sound : "refused",
    difference,
    from,
    entries: replay.size,
    signed: heads?.signed ?? 0,
    witnessed: heads?.witnessed ?? 0,
    receipts: { found: 0, judged: 0, ...heads?.receipts },
    witnesses: [...(heads?.witnesses.keys() ?? [])],
    quorum: trust?.quorum,
    authority: authority?.name,
    lct: fold.lct,
    epochs: chain?.epochs.length ?? 0,
    epochStates: countStates(chain?.epochs ?? []),
    energy: fold.totals,
    society: fold.summary(),
  };
}

function countStates(epochs: EpochChain["epochs"]): AuditReport["epochStates"] {
  const counts: Partial<Record<EpochState, number>> = {};
  for (const { state } of epochs) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}
