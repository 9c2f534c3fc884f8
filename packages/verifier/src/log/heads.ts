import { messageOf } from "@wattseal/base";
import { type Checkpoint, quorumSize, unverifiedCheckpoint } from "@wattseal/tlog";
import { VerifierError } from "../errors.js";
import type { Trust } from "../trust/trust.js";
import type { LogReplay } from "./replay.js";
import { cosignersOf } from "./witness.js";

interface ClaimedHead {
  readonly kind: "checkpoint" | "receipt";
  readonly note: string;
  /** As the note says; nothing is verified yet. */
  readonly size: number;
}

/**
 * The notes about a log, each checked when the replay has come to its size: only there its epoch's key is the
 * one that signs, and its root can be compared.
 */
export class HeadCheck {
  readonly #trust: Trust | undefined;
  readonly #open: ClaimedHead[];
  /** Entries that the verified checkpoint covers. */
  signed = 0;
  /** Of each accepted witness met: entries that its receipts cover. */
  readonly witnesses = new Map<string, number>();
  /** Receipts met, and those of them that somebody accepted has cosigned: what others have says nothing here. */
  readonly receipts = { found: 0, judged: 0 };

  /** Throws VerifierError `checkpoint` or `receipt` for what is no note. */
  constructor(
    checkpoint: string | undefined,
    receipts: readonly string[],
    trust: Trust | undefined,
  ) {
    if (checkpoint === undefined) throw new VerifierError("checkpoint", "no signed checkpoint");
    this.#trust = trust;
    this.#open = [
      claim("checkpoint", checkpoint),
      ...receipts.map((note) => claim("receipt", note)),
    ];
    this.#open.sort((a, b) => a.size - b.size);
  }

  /** Receipts of no more than `size` entries are found and not judged: the replay begins there. */
  leave(size: number): void {
    for (let head = this.#open[0]; head !== undefined; head = this.#open[0]) {
      if (head.kind === "checkpoint" || head.size > size || size === 0) return;
      this.#open.shift();
      this.receipts.found += 1;
    }
  }

  /** Entries that receipts of as many accepted witnesses cover as the quorum asks for. */
  get witnessed(): number {
    return this.#trust === undefined ? 0 : quorumSize(this.witnesses.values(), this.#trust.quorum);
  }

  /** Size of the tree that the next note is about. */
  get next(): number {
    return this.#open[0]?.size ?? Number.POSITIVE_INFINITY;
  }

  /** Checks all notes of the replay's present size. Throws VerifierError `checkpoint` or `receipt`. */
  check(replay: LogReplay): void {
    for (;;) {
      const head = this.#open[0];
      if (head === undefined || head.size > replay.size) return;
      this.#open.shift();
      if (head.kind === "checkpoint") {
        replay.checkCheckpoint(head.note);
        this.signed = head.size;
      } else this.#receipt(head, replay);
    }
  }

  #receipt({ note, size }: ClaimedHead, replay: LogReplay): void {
    this.receipts.found += 1;
    try {
      this.#witness(note, replay.checkCheckpoint(note));
    } catch (cause) {
      throw new VerifierError("receipt", `receipt of size ${size}: ${messageOf(cause)}`, { cause });
    }
  }

  #witness(note: string, { origin, size }: Checkpoint): void {
    if (this.#trust === undefined) return;
    const cosigners = cosignersOf(note, origin, this.#trust);
    if (cosigners.length > 0) this.receipts.judged += 1;
    for (const { witness } of cosigners) this.witnesses.set(witness, size);
  }

  /** After the last entry. Throws when a note speaks of more entries than there are. */
  finish(replay: LogReplay): void {
    const head = this.#open[0];
    if (head === undefined) return;
    const problem = `${head.kind} of size ${head.size}, but the log has ${replay.size} entries`;
    throw new VerifierError(head.kind, problem);
  }
}

function claim(kind: ClaimedHead["kind"], note: string): ClaimedHead {
  try {
    return { kind, note, size: unverifiedCheckpoint(note).size };
  } catch (cause) {
    throw new VerifierError(kind, `${kind}: ${messageOf(cause)}`, { cause });
  }
}
