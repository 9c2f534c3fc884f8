/** Receipts that packs hold, until the log is seen to have them. */
import { toHex } from "@wattseal/base";
import { parseNote, type SignedNote } from "@wattseal/tlog";

/** A receipt that somebody holds, and whoever that is, for people. */
export interface HeldReceipt {
  readonly holder: string;
  readonly note: string;
}

interface Held {
  readonly receipt: HeldReceipt;
  readonly lines: ReadonlySet<string>;
}

/**
 * By what was signed, and not by all of the note: a pack keeps the lines of keys that it has pinned, so while a witness
 * changes its key it holds fewer than it was given. More than a record has, it was given in secret.
 */
export class HeldReceipts {
  readonly #byText = new Map<string, readonly Held[]>();
  /** No notes: no leaf can be them. */
  readonly #malformed: HeldReceipt[] = [];

  constructor(receipts: readonly HeldReceipt[]) {
    for (const receipt of receipts) this.#add(receipt);
  }

  #add(receipt: HeldReceipt): void {
    const note = parsed(receipt.note);
    if (note === undefined) this.#malformed.push(receipt);
    else {
      const others = this.#byText.get(note.text) ?? [];
      this.#byText.set(note.text, [...others, { receipt, lines: linesOf(note) }]);
    }
  }

  /** A leaf is of this receipt. */
  met(note: SignedNote): void {
    const held = this.#byText.get(note.text);
    if (held === undefined) return;
    const logged = linesOf(note);
    const unmet = held.filter(({ lines }) => ![...lines].every((line) => logged.has(line)));
    if (unmet.length === 0) this.#byText.delete(note.text);
    else this.#byText.set(note.text, unmet);
  }

  /** Those that no leaf so far has all lines of. */
  unmet(): readonly HeldReceipt[] {
    const held = [...this.#byText.values()].flat().map(({ receipt }) => receipt);
    return [...held, ...this.#malformed];
  }
}

function parsed(note: string): SignedNote | undefined {
  try {
    return parseNote(note);
  } catch {
    return undefined;
  }
}

function linesOf({ signatures }: SignedNote): ReadonlySet<string> {
  return new Set(
    signatures.map(({ name, keyId, signature }) => `${name} ${keyId} ${toHex(signature)}`),
  );
}
