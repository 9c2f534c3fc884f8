import { toHex } from "@wattseal/base";
import { decodeEntry, decodeOrder, type SignedOrder } from "@wattseal/energy-ledger";

/** Ids kept: more than the desk takes in the five minutes that an order lives. */
export const MOST_REMEMBERED = 256;
/** What an ops.command begins with: an array of four, version 1, and the type. */
const COMMAND_HEAD = Uint8Array.from([0x84, 0x01, 0x6b, ...Buffer.from("ops.command")]);
const HEAD = /^size (\d{1,16})\nfloor (\d{1,16})\nisolated ([01])\n$/;
const LINE = /^([0-9a-f]{32}) (\d{1,16})$/;

/** The log as it is read for orders. */
export interface OrderedLog {
  readonly firstEntry: number;
  readonly durableSize: number;
  entries(from: number): Iterable<Uint8Array>;
}

/**
 * A text for a log that takes another's place, of what was saved beside that one and, where there is any, beside the copy: it
 * covers no entry. Undefined where the former cannot be read.
 */
export function carriedOrders(former: string, beside: string | undefined): string | undefined {
  return OrderMemory.joined(former, beside)?.save();
}

type Named = Pick<SignedOrder, "id" | "expires">;

/**
 * Orders that this pack has taken, so that none is obeyed twice: not when a broker brings it again, not after a restart,
 * not when somebody kept it for a year. It is made of the log's ops.command entries; the text that `save` gives is a
 * shortcut, beside the log, over those up to `size`. Of more than 256 orders those that expire first are forgotten, and
 * with them every order that expires no later than they did.
 */
export class OrderMemory {
  readonly #expiry = new Map<string, number>();
  #floor = 0;
  #isolated = false;
  #size = 0;

  /**
   * From what `save` gave, and from the entries after it; without it from all that the log has. What was pruned after that
   * text's size held no order: each one is saved as it is entered. A text that is of a longer log, or of none (`carriedOrders`),
   * shortens nothing: the entries are all read, and what it knows beside them still counts, isolation too, since the orders
   * that undid it may be among those that were lost.
   */
  static open(log: OrderedLog, saved: string | undefined): OrderMemory {
    const memory =
      (saved === undefined ? undefined : OrderMemory.#read(saved)) ?? new OrderMemory();
    if (memory.#size > log.durableSize) memory.#size = 0;
    const stays = memory.#size === 0 && memory.#isolated;
    memory.#replay(log, Math.max(memory.#size, log.firstEntry));
    if (stays) memory.#isolated = true;
    return memory;
  }

  /** For `carriedOrders`. */
  static joined(former: string, beside: string | undefined): OrderMemory | undefined {
    const memory = OrderMemory.#read(former);
    if (memory === undefined) return undefined;
    memory.#size = 0;
    const other = beside === undefined ? undefined : OrderMemory.#read(beside);
    if (other === undefined) return memory;
    memory.#floor = Math.max(memory.#floor, other.#floor);
    for (const [id, expires] of other.#expiry) memory.#remember(id, expires);
    return memory;
  }

  /** Entries of the log that it knows. */
  get size(): number {
    return this.#size;
  }

  /** The last order of either was to isolate, and none has allowed since. */
  get isolated(): boolean {
    return this.#isolated;
  }

  /** It was taken, or may have been: older ones are not told apart. */
  has({ id, expires }: Named): boolean {
    return expires <= this.#floor || this.#expiry.has(toHex(id));
  }

  add({ id, expires }: Named): void {
    this.#remember(toHex(id), expires);
  }

  #remember(id: string, expires: number): void {
    this.#expiry.set(id, expires);
    while (this.#expiry.size > MOST_REMEMBERED) this.#forget();
  }

  /** Every entry below `size` has been added. */
  covers(size: number): void {
    this.#size = Math.max(this.#size, size);
  }

  isolate(isolated: boolean): void {
    this.#isolated = isolated;
  }

  save(): string {
    const lines = [...this.#expiry].map(([id, expires]) => `${id} ${expires}\n`);
    const isolated = this.#isolated ? 1 : 0;
    return `size ${this.#size}\nfloor ${this.#floor}\nisolated ${isolated}\n${lines.join("")}`;
  }

  /** Of a text of `save`; undefined for anything else. */
  static #read(text: string): OrderMemory | undefined {
    const lines = text.split("\n");
    const head = HEAD.exec(`${lines.slice(0, 3).join("\n")}\n`);
    const isWhole = lines.at(-1) === "" && lines.length <= MOST_REMEMBERED + 4;
    if (head === null || !isWhole) return undefined;
    const [, size, floor, isolated] = head;
    const memory = new OrderMemory();
    memory.#size = Number(size);
    memory.#floor = Number(floor);
    memory.#isolated = isolated === "1";
    for (const line of lines.slice(3, -1)) {
      const [, id, expires] = LINE.exec(line) ?? [];
      if (id === undefined) return undefined;
      memory.#expiry.set(id, Number(expires));
    }
    return memory;
  }

  #replay(log: OrderedLog, from: number): void {
    for (const bytes of log.entries(from)) {
      if (COMMAND_HEAD.every((byte, i) => bytes[i] === byte)) this.#entered(bytes);
    }
    this.covers(log.durableSize);
  }

  #entered(bytes: Uint8Array): void {
    const entry = decodeEntry(bytes);
    if (entry.type !== "ops.command") return;
    const order = decodeOrder(entry.body.order);
    this.add(order);
    const { action } = order.what;
    if (action === "isolate" || action === "allow") this.isolate(action === "isolate");
  }

  #forget(): void {
    let first: string | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const [id, expires] of this.#expiry) {
      if (expires >= least) continue;
      first = id;
      least = expires;
    }
    if (first === undefined) return;
    this.#expiry.delete(first);
    this.#floor = Math.max(this.#floor, least);
  }
}
