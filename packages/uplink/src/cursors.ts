import { UplinkError } from "./errors.js";
import { type Destination, decodeReceipt, type OwnLog, verifyReceipt } from "./receipt.js";

export interface CursorOptions {
  readonly origin: string;
  readonly log: OwnLog;
  readonly destinations: readonly Destination[];
  /** The destination's last saved receipt. */
  stored(destination: string): string | undefined;
  /** Makes the receipt durable, atomically, before it resolves. */
  save(destination: string, receipt: string): Promise<void>;
}

interface Cursor {
  readonly destination: Destination;
  size: number;
  receipt: string | undefined;
  saving: Promise<void>;
}

/**
 * What each destination has witnessed. The saved receipt is the cursor: it proves itself, and what is witnessed
 * never goes back.
 */
export class UplinkCursors {
  readonly #options: CursorOptions;
  readonly #cursors: ReadonlyMap<string, Cursor>;

  private constructor(options: CursorOptions, cursors: ReadonlyMap<string, Cursor>) {
    this.#options = options;
    this.#cursors = cursors;
  }

  /** Verifies every stored receipt against the log. Throws UplinkError `receipt-*` for one that does not hold. */
  static load(options: CursorOptions): UplinkCursors {
    const cursors = new Map<string, Cursor>();
    for (const destination of options.destinations) {
      if (cursors.has(destination.name)) {
        throw new UplinkError("destination", `destination ${destination.name} is named twice`);
      }
      const receipt = options.stored(destination.name);
      const size =
        receipt === undefined
          ? 0
          : verifyReceipt(receipt, { ...options, witness: destination }).checkpoint.size;
      cursors.set(destination.name, { destination, size, receipt, saving: Promise.resolve() });
    }
    return new UplinkCursors(options, cursors);
  }

  /**
   * Verifies a receipt from the wire and saves it when it covers more than the last. `advanced` is false for a
   * repeated or older one. Throws DecodeError, UplinkError `receipt-*`; the cursor then stays.
   */
  async accept(name: string, bytes: Uint8Array): Promise<{ size: number; advanced: boolean }> {
    const cursor = this.#cursor(name);
    const text = decodeReceipt(bytes);
    const { origin, log } = this.#options;
    const { checkpoint } = verifyReceipt(text, { origin, log, witness: cursor.destination });
    const turn = cursor.saving.then(async () => {
      if (checkpoint.size <= cursor.size) return false;
      await this.#options.save(name, text);
      cursor.size = checkpoint.size;
      cursor.receipt = text;
      return true;
    });
    cursor.saving = turn.then(
      () => {},
      () => {},
    );
    const advanced = await turn;
    return { size: checkpoint.size, advanced };
  }

  /** Leaves that the destination has; 0 before its first receipt. */
  witnessed(name: string): number {
    return this.#cursor(name).size;
  }

  receipt(name: string): string | undefined {
    return this.#cursor(name).receipt;
  }

  /** Leaves that every destination has; 0 without a destination. */
  get witnessedByAll(): number {
    const sizes = [...this.#cursors.values()].map((cursor) => cursor.size);
    return sizes.length === 0 ? 0 : Math.min(...sizes);
  }

  #cursor(name: string): Cursor {
    const cursor = this.#cursors.get(name);
    if (cursor === undefined) {
      throw new UplinkError("destination", `there is no destination named ${name}`);
    }
    return cursor;
  }
}
