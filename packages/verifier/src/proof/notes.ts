/** Which of a log's receipts go into a proof. */
import {
  addSignature,
  type NoteSignature,
  parseCheckpoint,
  parseNote,
  type SignedNote,
} from "@wattseal/tlog";

/** A proof's note and at most 15 further heads. */
const MAX_NOTES = 16;

interface SizedNote {
  readonly size: number;
  readonly origin: string;
  readonly note: string;
}

/**
 * Of these receipts those that a proof of entry `index` needs for everyone who cosigned one over it: of each key the one
 * that covers most, where several cosigned one head as one note. By size, rising; none where none covers the entry. What
 * is no note covers nothing; who signed it is for the verifier to judge.
 */
export function notesOver(receipts: readonly string[], index: number): readonly string[] {
  const largestFirst = merged(receipts)
    .filter(({ size }) => size > index)
    .sort((a, b) => b.size - a.size);
  const met = new Set<string>();
  const chosen = new Map<number, string>();
  for (const { size, origin, note } of largestFirst) {
    const cosigners = parseNote(note).signatures.filter(({ name }) => name !== origin);
    const isNew = cosigners.map(keyOf).filter((key) => !met.has(key));
    if (isNew.length === 0 || chosen.has(size) || chosen.size === MAX_NOTES) continue;
    for (const key of isNew) met.add(key);
    chosen.set(size, note);
  }
  return [...chosen.values()].reverse();
}

function keyOf({ name, keyId }: NoteSignature): string {
  return `${name} ${keyId}`;
}

/** One note for each head, with every signature that any receipt has on it. */
function merged(receipts: readonly string[]): SizedNote[] {
  const notes = new Map<string, SizedNote>();
  for (const receipt of receipts) {
    const read = sizedNote(receipt);
    if (read === undefined) continue;
    const { parsed, size, origin } = read;
    const before = notes.get(parsed.text)?.note;
    const note = before === undefined ? receipt : withLines(before, parsed.signatures);
    notes.set(parsed.text, { size, origin, note });
  }
  return [...notes.values()];
}

function withLines(note: string, lines: readonly NoteSignature[]): string {
  return lines.reduce((text, line) => addSignature(parseNote(text), line), note);
}

function sizedNote(text: string): { parsed: SignedNote; size: number; origin: string } | undefined {
  try {
    const parsed = parseNote(text);
    return { parsed, ...parseCheckpoint(parsed.text) };
  } catch {
    return undefined;
  }
}
