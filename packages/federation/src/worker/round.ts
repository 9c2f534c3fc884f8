/** What one group of messages changes: gathered first, committed together, answered after that. */
import { cosign, type NoteSigner } from "@wattseal/tlog";
import type { PackName } from "@wattseal/uplink";
import { encodeReceiptRecord, NO_STATEMENTS } from "@wattseal/verifier";
import type {
  GivenReceipt,
  PackCommit,
  StoredHead,
  StoredLeaves,
  StoredPosition,
  StoredReceipt,
} from "../store/port.js";
import type { Growth, PackLog } from "./pack-log.js";
import type { Delivery } from "./ports.js";
import { bothOf } from "./statements.js";

/** A pack as the worker has it in memory. */
export interface PackState {
  readonly log: PackLog;
  /** Leaves in the store. */
  committed: number;
  receipt: StoredReceipt | undefined;
}

/** One pack's share of a round. */
export class Part {
  readonly state: PackState;
  readonly #previous: StoredPosition;
  readonly #leaves: StoredLeaves[] = [];
  readonly #heads: StoredHead[] = [];
  #next: StoredPosition;
  #note: string | undefined;
  readonly deliveries: Delivery[] = [];
  /** Among the entries that the newest head covers and the last receipt did not. */
  statements = NO_STATEMENTS;
  /** Size of the last leaves' checkpoint: beyond `size` where they came in answer to a request. */
  aim = 0;

  constructor(state: PackState, previous: StoredPosition) {
    this.state = state;
    this.#previous = previous;
    this.#next = previous;
  }

  get size(): number {
    return this.#next.size;
  }

  add(growth: Growth, first: number): void {
    const { frontier, leaves, checkpoint, note } = growth;
    this.#leaves.push({ first, leaves });
    this.#next = { size: frontier.size, nodes: frontier.nodes() };
    this.aim = checkpoint.size;
    if (this.aim !== frontier.size) return;
    this.#heads.push({ size: checkpoint.size, root: checkpoint.root });
    this.#note = note;
    this.statements = bothOf(this.statements, this.state.log.takeStatements());
  }

  /** The newest checkpoint alone is cosigned: it covers the others. Under each key; `time` in seconds. */
  commit(pack: PackName, witnessKeys: readonly NoteSigner[], time: number): PackCommit {
    const size = this.#heads.at(-1)?.size;
    const cosigned = (note: string) =>
      witnessKeys.reduce((text, key) => cosign(text, { ...key, time }), note);
    const text = this.#note === undefined ? undefined : cosigned(this.#note);
    return {
      pack,
      previous: this.#previous,
      next: this.#next,
      leaves: this.#leaves,
      heads: this.#heads,
      receipt: size === undefined || text === undefined ? undefined : this.#given(size, text),
      stays: this.state.log.takeStays(),
      fold: this.state.log.takeFold(),
    };
  }

  /** What its record says was checked begins where the pack's last receipt ended. */
  #given(size: number, text: string): GivenReceipt {
    const first = this.state.receipt?.size ?? 0;
    const record = encodeReceiptRecord({ receipt: text, first, statements: this.statements });
    return { size, text, record };
  }
}

export class Round {
  readonly parts = new Map<PackName, Part>();
  /** Packs whose state in memory is of no use any more. */
  readonly broken = new Set<PackName>();
  /** Messages that can only be judged after this round's commit. */
  readonly later: Delivery[] = [];
  /** Messages that are of no use, now or later. */
  readonly refused = new Set<Delivery>();
  /** Packs whose message brought nothing new, and the stored receipt that they get again. */
  readonly repeated = new Map<PackName, string>();
}
