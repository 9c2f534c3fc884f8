/** C2SP tlog-checkpoint: a note whose text is origin, size and root, and here nothing else. */
import { fromBase64, messageOf, toBase64 } from "@wattseal/base";
import { TlogError } from "../errors.js";
import { HASH_LENGTH } from "../tree/hash.js";
import { type NoteSigner, parseNote, signNote, verifyNote } from "./note.js";

export interface Checkpoint {
  /** Identity of the log; its signer's key name. */
  readonly origin: string;
  /** Number of leaves. */
  readonly size: number;
  /** RFC 6962 root of that many leaves, 32 bytes. */
  readonly root: Uint8Array;
}

function refuse(problem: string, options?: ErrorOptions): never {
  throw new TlogError("note", `checkpoint: ${problem}`, options);
}

function requireOrigin(origin: string): void {
  if (!/^\P{Cc}+$/u.test(origin) || !origin.isWellFormed()) {
    refuse("line 1 (origin) is empty or holds control characters");
  }
}

function parseSize(text: string): number {
  const size = Number(text);
  if (!/^(0|[1-9][0-9]*)$/.test(text) || !Number.isSafeInteger(size)) {
    refuse(`line 2 (size) ${JSON.stringify(text.slice(0, 32))} is not a canonical decimal number`);
  }
  return size;
}

function parseRoot(text: string): Uint8Array {
  let root: Uint8Array;
  try {
    root = fromBase64(text, "line 3 (root)");
  } catch (cause) {
    return refuse(messageOf(cause), { cause });
  }
  if (root.length !== HASH_LENGTH) refuse(`line 3 (root) has ${root.length} bytes, not 32`);
  return root;
}

/** The text that is signed: three lines. */
export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  requireOrigin(origin);
  if (!Number.isSafeInteger(size) || size < 0) refuse(`${size} is not a tree size`);
  if (root.length !== HASH_LENGTH) refuse(`root has ${root.length} bytes, not 32`);
  return `${origin}\n${size}\n${toBase64(root)}\n`;
}

/** Parses a checkpoint's text (not the whole note); extension lines are refused. Throws TlogError "note". */
export function parseCheckpoint(text: string): Checkpoint {
  const lines = text.split("\n");
  const [origin, size, root, end] = lines;
  if (origin === undefined || size === undefined || root === undefined || end === undefined) {
    refuse("is not three lines: origin, size, root");
  }
  if (end !== "" || lines.length !== 4) refuse("has more lines than origin, size, root");
  requireOrigin(origin);
  return { origin, size: parseSize(size), root: parseRoot(root) };
}

/** The checkpoint in a note of which no signature was verified. */
export function unverifiedCheckpoint(note: string): Checkpoint {
  return parseCheckpoint(parseNote(note).text);
}

/** Formats and signs; origin and key name are one. */
export function signCheckpoint(
  head: { readonly size: number; readonly root: Uint8Array },
  signer: NoteSigner,
): string {
  return signNote(formatCheckpoint({ origin: signer.name, ...head }), signer);
}

export function requireOriginIs(checkpoint: Checkpoint, origin: string): void {
  if (checkpoint.origin !== origin) {
    const names = `${JSON.stringify(checkpoint.origin)}, not ${JSON.stringify(origin)}`;
    throw new TlogError("signature", `checkpoint: is of the log ${names}`);
  }
}

/** Verifies the log's own signature; the origin has to be the key's name. */
export function verifyCheckpoint(
  note: string,
  key: { readonly name: string; readonly publicKey: Uint8Array },
): Checkpoint {
  const checkpoint = parseCheckpoint(verifyNote(note, key).text);
  requireOriginIs(checkpoint, key.name);
  return checkpoint;
}
