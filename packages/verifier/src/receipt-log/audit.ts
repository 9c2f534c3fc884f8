/**
 * Audit of a federation's receipt log, whose operator is not believed: everything is held against the log's key, the
 * accepted witnesses' keys, a head seen earlier, and receipts that packs hold.
 */
import { bytesEqual, messageOf } from "@wattseal/base";
import {
  type Checkpoint,
  Frontier,
  formatVkey,
  type LogKeys,
  leafHash,
  parseCheckpoint,
  parseNote,
  unverifiedCheckpoint,
  verifyLogHead,
} from "@wattseal/tlog";
import { cosignersOf } from "../log/witness.js";
import type { Trust } from "../trust/trust.js";
import { type HeldReceipt, HeldReceipts } from "./held.js";
import { decodeReceiptRecord } from "./record.js";

export interface ReceiptLogSource {
  /** The log's newest signed head, a note; undefined where there is none. */
  readonly note: string | undefined;
  /** Its leaves from index 0 on, in order; what comes beyond the head's size is not looked at. */
  readonly records: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

export interface ReceiptLogAuditOptions {
  /** Its origin, and the accepted keys of its heads. */
  readonly log: LogKeys;
  /** Whose cosignatures count. */
  readonly trust: Trust;
  /** The head that an earlier audit ended with. */
  readonly seen?: string | undefined;
  /** Receipts that have to be in the log, each as it was given or with some of its signature lines alone. */
  readonly receipts?: readonly HeldReceipt[];
  /** Called now and then with the number of leaves read. */
  readonly progress?: ((leaves: number) => void) | undefined;
}

/**
 * `head`: the log's own signed head is missing or does not hold. `leaf`: a leaf is missing, or no receipt record. `root`: the
 * leaves do not give the head's root: one was changed, removed or added. `cosignature`: none of an accepted witness holds on
 * the receipt. `fork`: two roots for one size of a pack. `shrank`: a head of fewer entries after one of more. `gap`: what a
 * receipt covers does not go on from the one before: there is one that is not in the log. `split`: the log does not extend
 * the head seen earlier. `unlogged`: a receipt that somebody holds is not in the log: no leaf is of its head with all of its
 * signature lines.
 */
export type ReceiptLogFault =
  | "head"
  | "leaf"
  | "root"
  | "cosignature"
  | "fork"
  | "shrank"
  | "gap"
  | "split"
  | "unlogged";

export interface ReceiptLogFinding {
  readonly fault: ReceiptLogFault;
  /** Of the leaf, where one is at fault. */
  readonly leaf?: number;
  readonly reason: string;
}

export interface ReceiptLogReport {
  readonly verdict: "verified" | "refused";
  readonly findings: readonly ReceiptLogFinding[];
  /** All of them; beyond `MAX_FINDINGS` they are only counted. */
  readonly found: number;
  /** Leaves read, and packs that they are of. */
  readonly leaves: number;
  readonly packs: number;
  /** Names of the accepted witnesses met. */
  readonly witnesses: readonly string[];
  /** Counter statements, as the records say. */
  readonly statements: {
    readonly held: number;
    readonly unchecked: number;
    readonly wrong: number;
  };
  /** Whether the log was compared with a head seen earlier. */
  readonly extended: boolean;
  /** Of the accepted keys those that signed the newest head, C2SP vkey text each. */
  readonly keys: readonly string[];
  /** The head to compare with next time: of a log that is verified, else undefined. */
  readonly note: string | undefined;
}

const MAX_FINDINGS = 100;
const PROGRESS_EVERY = 4_096;

export async function auditReceiptLog(
  source: ReceiptLogSource,
  options: ReceiptLogAuditOptions,
): Promise<ReceiptLogReport> {
  const audit = new ReceiptLogAudit(options);
  const head = audit.head(source.note);
  const size = head?.size ?? saidSize(source.note);
  for await (const record of source.records) {
    if (audit.leaves >= size) break;
    audit.take(record);
  }
  return audit.report(source.note, head);
}

/** What a head says that does not hold: its leaves are looked at all the same. */
function saidSize(note: string | undefined): number {
  try {
    return note === undefined ? 0 : unverifiedCheckpoint(note).size;
  } catch {
    return 0;
  }
}

/** The last head of a pack in the log. */
interface PackHead {
  readonly size: number;
  readonly root: Uint8Array;
}

class ReceiptLogAudit {
  readonly #options: ReceiptLogAuditOptions;
  readonly #frontier = new Frontier();
  readonly #packs = new Map<string, PackHead>();
  readonly #witnesses = new Set<string>();
  readonly #findings: ReceiptLogFinding[] = [];
  readonly #held: HeldReceipts;
  readonly #seen: Checkpoint | undefined;
  #keys: readonly string[] = [];
  #found = 0;
  #isExtension = false;
  readonly #statements = { held: 0, unchecked: 0, wrong: 0 };

  constructor(options: ReceiptLogAuditOptions) {
    this.#options = options;
    this.#held = new HeldReceipts(options.receipts ?? []);
    this.#seen =
      options.seen === undefined
        ? undefined
        : this.#verified(options.seen, "split", "seen earlier")?.checkpoint;
    this.#compare();
  }

  get leaves(): number {
    return this.#frontier.size;
  }

  head(note: string | undefined): Checkpoint | undefined {
    if (note === undefined) {
      this.#find({ fault: "head", reason: "the log has no signed head" });
      return undefined;
    }
    const head = this.#verified(note, "head", "of the log");
    const { name } = this.#options.log;
    this.#keys = (head?.signers ?? []).map((publicKey) =>
      formatVkey({ name, publicKey, type: "ed25519" }),
    );
    return head?.checkpoint;
  }

  take(record: Uint8Array): void {
    const leaf = this.leaves;
    this.#frontier.append(leafHash(record));
    this.#compare();
    try {
      this.#judge(record, leaf);
    } catch (error) {
      this.#find({ fault: "leaf", leaf, reason: messageOf(error) });
    }
    if (this.leaves % PROGRESS_EVERY === 0) this.#options.progress?.(this.leaves);
  }

  report(note: string | undefined, head: Checkpoint | undefined): ReceiptLogReport {
    if (head !== undefined) this.#requireHead(head);
    this.#requireExtension();
    for (const { holder } of this.#held.unmet()) {
      const reason = `the receipt that ${holder} holds is not in the log`;
      this.#find({ fault: "unlogged", reason });
    }
    const verdict = this.#found === 0 ? "verified" : "refused";
    return {
      verdict,
      findings: this.#findings,
      found: this.#found,
      leaves: this.leaves,
      packs: this.#packs.size,
      witnesses: [...this.#witnesses],
      statements: this.#statements,
      extended: this.#isExtension,
      keys: this.#keys,
      note: verdict === "verified" ? note : undefined,
    };
  }

  #judge(bytes: Uint8Array, leaf: number): void {
    const { receipt, first, statements } = decodeReceiptRecord(bytes);
    const note = parseNote(receipt);
    const checkpoint = parseCheckpoint(note.text);
    const { size } = checkpoint;
    if (first > size) throw new Error(`it is of ${size} entries and says to begin at ${first}`);
    this.#held.met(note);
    this.#cosigned(receipt, checkpoint, leaf);
    this.#follow(checkpoint, first, leaf);
    this.#statements.held += statements.held;
    this.#statements.unchecked += statements.unchecked;
    this.#statements.wrong += statements.wrong;
  }

  #cosigned(receipt: string, { origin }: Checkpoint, leaf: number): void {
    try {
      const signers = cosignersOf(receipt, origin, this.#options.trust);
      for (const { witness } of signers) this.#witnesses.add(witness);
      if (signers.length > 0) return;
      const reason = `the receipt of ${origin} has no cosignature of an accepted witness`;
      this.#find({ fault: "cosignature", leaf, reason });
    } catch (error) {
      this.#find({ fault: "cosignature", leaf, reason: messageOf(error) });
    }
  }

  /** A pack's heads grow, each from where the one before it ended; where its first one begins is before this log. */
  #follow({ origin, size, root }: Checkpoint, first: number, leaf: number): void {
    const last = this.#packs.get(origin);
    if (last === undefined || size > last.size) this.#packs.set(origin, { size, root });
    if (last === undefined) return;
    if (size < last.size) {
      const reason = `${origin}: a head of ${size} entries after one of ${last.size}`;
      this.#find({ fault: "shrank", leaf, reason });
    } else if (size === last.size && !bytesEqual(root, last.root)) {
      this.#find({ fault: "fork", leaf, reason: `${origin}: two roots for ${size} entries` });
    } else if (first !== last.size) {
      const reason = `${origin}: a receipt from entry ${first} on follows one of ${last.size} entries`;
      this.#find({ fault: "gap", leaf, reason });
    }
  }

  #requireHead({ size, root }: Checkpoint): void {
    if (this.leaves < size) {
      const reason = `the head is of ${size} leaves, ${this.leaves} are there`;
      this.#find({ fault: "leaf", leaf: this.leaves, reason });
    } else if (!bytesEqual(this.#frontier.root(), root)) {
      const reason = `the ${size} leaves do not give the root that the log's head has: one was changed, removed or added`;
      this.#find({ fault: "root", reason });
    }
  }

  #compare(): void {
    if (this.#seen?.size !== this.leaves) return;
    this.#isExtension = bytesEqual(this.#seen.root, this.#frontier.root());
  }

  #requireExtension(): void {
    if (this.#seen === undefined || this.#isExtension) return;
    const { size } = this.#seen;
    const reason =
      this.leaves < size
        ? `a head of ${size} leaves was seen earlier, now the log has ${this.leaves}`
        : `the first ${size} leaves are not those of the head that was seen earlier`;
    this.#find({ fault: "split", reason });
  }

  #verified(note: string, fault: ReceiptLogFault, whose: string) {
    try {
      return verifyLogHead(note, this.#options.log);
    } catch (error) {
      this.#find({ fault, reason: `the head ${whose}: ${messageOf(error)}` });
      return undefined;
    }
  }

  #find(finding: ReceiptLogFinding): void {
    this.#found += 1;
    if (this.#findings.length < MAX_FINDINGS) this.#findings.push(finding);
  }
}
