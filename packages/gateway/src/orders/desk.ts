/**
 * Where orders from afar are taken. Whoever can publish on this pack's order topic can waste our time, within the
 * buckets below; whoever holds a key that the configuration names can do here what the control socket can. An order is
 * entered as ops.command before anything is done, done once, and answered by ops.outcome.
 */
import {
  type Clock,
  type LctId,
  type Logger,
  type Millis,
  messageOf,
  TokenBucket,
  toHex,
} from "@wattseal/base";
import type { EntryBody, SignedOrder } from "@wattseal/energy-ledger";
import type { Draft } from "../ledger/energy-log-options.js";
import {
  type Judgement,
  judgeOrder,
  type OrderRefusal,
  outOfTime,
  type Refusal,
  refused,
} from "./acceptance.js";
import { execute, type Ordered, type Outcome } from "./execute.js";
import type { OrderMemory } from "./memory.js";

export interface OrderDeskOptions {
  readonly pack: LctId;
  /** Ed25519 keys whose orders are obeyed; none: nobody's. */
  readonly keys: readonly Uint8Array[];
  readonly memory: OrderMemory;
  readonly ordered: Ordered;
  /** Runs it when the log can take its entry; rejects where nobody knows when that will be. */
  readonly turn: <T>(input: () => Promise<T>) => Promise<T>;
  /** In a turn. Resolves with the entry's index when the disk has it; rejects where the log does not take it. */
  readonly enter: (draft: Draft<"ops.command" | "ops.outcome">) => Promise<number>;
  /** Keeps the memory's text beside the log. */
  readonly save: (text: string) => Promise<void>;
  /** UTC as the log has it, where an order's age can be told by it. */
  readonly now: () => Millis | undefined;
  /** Time that only runs. */
  readonly steady: Pick<Clock, "now">;
  readonly logger: Logger;
  /** Every refusal but of a repeated one: for the log. */
  readonly onRefused: (reason: OrderRefusal) => void;
}

/** Since the start. */
export interface OrderCounts {
  readonly accepted: number;
  readonly refused: Readonly<Partial<Record<OrderRefusal, number>>>;
}

type Room = "signature" | "isolate" | "other";

export class OrderDesk {
  readonly #options: OrderDeskOptions;
  readonly #room: { readonly [what in Room]: TokenBucket };
  /** Lines of refusals; what has no room is counted into the next. */
  readonly #lines: TokenBucket;
  #unsaid = 0;
  #accepted = 0;
  readonly #refused: Partial<Record<OrderRefusal, number>> = {};
  #entering: Promise<void> = Promise.resolve();
  readonly #doing = new Set<Promise<void>>();
  #saving: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: OrderDeskOptions) {
    const now = options.steady.now();
    this.#options = options;
    // Together fewer in five minutes than the memory has room for.
    this.#room = {
      signature: new TokenBucket({ burst: 64, everyMs: 50 }, now),
      isolate: new TokenBucket({ burst: 16, everyMs: 5_000 }, now),
      other: new TokenBucket({ burst: 16, everyMs: 5_000 }, now),
    };
    this.#lines = new TokenBucket({ burst: 8, everyMs: 10_000 }, now);
  }

  get counts(): OrderCounts {
    return { accepted: this.#accepted, refused: { ...this.#refused } };
  }

  /** One message of the order topic. `retained`: the broker kept it, which nobody may ask it to. */
  receive(bytes: Uint8Array, retained: boolean): void {
    const judgement = this.#judge(bytes, retained);
    if (judgement.kind === "refused") {
      this.#refuse(judgement);
      return;
    }
    const { order, key } = judgement;
    this.#options.memory.add(order);
    const command = this.#enter(order, { order: bytes.slice(), key });
    this.#entering = this.#entering.then(async () => this.#begin(await command, order));
  }

  /** The modules were isolated when the last run ended, and are to stay so. */
  get wasIsolated(): boolean {
    return this.#options.memory.isolated;
  }

  /** Modules were isolated, or allowed again, by whomever: a restart goes on so. */
  isolated(isolated: boolean): void {
    this.#options.memory.isolate(isolated);
    this.keep();
  }

  /** Writes the memory down beside the log. One that cannot be kept is made again from the log. */
  keep(): void {
    const { save, memory, logger } = this.#options;
    this.#saving = this.#saving
      .then(() => save(memory.save()))
      .catch((error: unknown) => logger.warn("order.memory-not-kept", { error: messageOf(error) }));
  }

  /** Takes no more; resolves when what was taken is done and answered. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#entering;
    await Promise.all(this.#doing);
    this.keep();
    await this.#saving;
  }

  #judge(bytes: Uint8Array, retained: boolean): Judgement {
    if (this.#stopped) return refused("stopping", "came while the gateway stops");
    if (retained) return refused("retained", "was kept by the broker");
    const { pack, keys, memory, now, steady } = this.#options;
    const room = (what: Room) => this.#room[what].take(steady.now()) === 0;
    return judgeOrder(bytes, { pack, keys, memory, now: now(), room });
  }

  /** Its place in the log is that of its arrival. The index of its entry; what refused it. */
  async #enter(order: SignedOrder, body: EntryBody<"ops.command">): Promise<number | Refusal> {
    const { turn, enter, now } = this.#options;
    try {
      // Its turn may come long after it did: what is entered is obeyed, so its time is judged by that of its entry.
      return await turn(
        async () => outOfTime(order, now()) ?? enter({ type: "ops.command", body }),
      );
    } catch (error) {
      return refused("not-entered", messageOf(error));
    }
  }

  /** In the order of the log; the next one need not wait until this one is done. */
  #begin(command: number | Refusal, order: SignedOrder): void {
    const { memory, logger, ordered } = this.#options;
    if (typeof command !== "number") {
      this.#refuse(command);
      return;
    }
    memory.covers(command + 1);
    this.#accepted += 1;
    const id = toHex(order.id);
    const { action } = order.what;
    logger.warn("order.accepted", { id, action, key: toHex(order.keyId), entry: command });
    const doing = execute(order.what, ordered).then((outcome) =>
      this.#answer(command, order, outcome),
    );
    this.#doing.add(doing);
    void doing.then(() => this.#doing.delete(doing));
    this.keep();
  }

  async #answer(command: number, { id, what }: SignedOrder, answer: Outcome): Promise<void> {
    const { turn, enter, logger } = this.#options;
    logger.warn("order.done", { id: toHex(id), action: what.action, ...answer });
    try {
      await turn(() => enter({ type: "ops.outcome", body: { command, ...answer } }));
    } catch (error) {
      logger.error("order.unanswered", { id: toHex(id), error: messageOf(error) });
    }
  }

  #refuse({ reason, detail }: Refusal): void {
    const { logger, onRefused } = this.#options;
    this.#refused[reason] = (this.#refused[reason] ?? 0) + 1;
    if (reason !== "repeated") onRefused(reason);
    if (this.#lines.take(this.#options.steady.now()) === 0) {
      logger.warn("order.refused", { reason, detail, unsaid: this.#unsaid });
      this.#unsaid = 0;
    } else this.#unsaid += 1;
  }
}
