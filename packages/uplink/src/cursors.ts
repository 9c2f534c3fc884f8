import { quorumSize } from "@wattseal/tlog";
import { UplinkError } from "./errors.js";
import {
  type AcceptedReceipt,
  type Destination,
  decodeReceipt,
  type OwnLog,
  verifyReceipt,
} from "./receipt.js";

export interface CursorOptions {
  readonly origin: string;
  readonly log: OwnLog;
  readonly destinations: readonly Destination[];
  /** How many of them have to have receipted what counts as witnessed. */
  readonly quorum: number;
  /** The destination's last saved receipt. */
  stored(destination: Destination): string | undefined;
  /** Makes the receipt durable, atomically, before it resolves. */
  save(destination: Destination, receipt: AcceptedReceipt): Promise<void>;
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

  /**
   * Verifies every stored receipt against the log. Throws UplinkError `receipt-*` for one that does not hold, and
   * `destination` for a quorum that they cannot make up.
   */
  static load(options: CursorOptions): UplinkCursors {
    const { quorum, destinations } = options;
    if (!Number.isInteger(quorum) || quorum < 0 || quorum > destinations.length) {
      const count = destinations.length;
      throw new UplinkError("destination", `${count} destinations make no quorum of ${quorum}`);
    }
    const cursors = new Map<string, Cursor>();
    for (const destination of options.destinations) {
      if (cursors.has(destination.name)) {
        throw new UplinkError("destination", `destination ${destination.name} is named twice`);
      }
      const receipt = options.stored(destination);
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
    const { origin, log } = this.#options;
    const receipt = verifyReceipt(decodeReceipt(bytes), {
      origin,
      log,
      witness: cursor.destination,
    });
    const { checkpoint, text } = receipt;
    const turn = cursor.saving.then(async () => {
      if (checkpoint.size <= cursor.size) return false;
      await this.#options.save(cursor.destination, receipt);
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

  /** Leaves that a quorum of the destinations has; 0 without a destination. */
  get witnessedByQuorum(): number {
    const sizes = [...this.#cursors.values()].map((cursor) => cursor.size);
    return sizes.length === 0 ? 0 : quorumSize(sizes, this.#options.quorum);
  }

  #cursor(name: string): Cursor {
    const cursor = this.#cursors.get(name);
    if (cursor === undefined) {
      throw new UplinkError("destination", `there is no destination named ${name}`);
    }
    return cursor;
  }
}
