/** C2SP tlog-checkpoint: a note whose text is origin, size and root, and here nothing else. */
import { fromBase64, messageOf, toBase64 } from "@wattseal/base";
import { TlogError } from "../errors.js";
import { HASH_LENGTH } from "../tree/hash.js";
import { keyId } from "./key.js";
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

/** Formats and signs, under further keys of the log too while it changes its key; origin and key names are one. */
export function signCheckpoint(
  head: { readonly size: number; readonly root: Uint8Array },
  signer: NoteSigner,
  ...further: readonly NoteSigner[]
): string {
  const { name: origin } = signer;
  const other = further.find(({ name }) => name !== origin);
  if (other !== undefined) refuse(`of ${JSON.stringify(origin)} cannot be signed as ${other.name}`);
  return signNote(formatCheckpoint({ origin, ...head }), signer, ...further);
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

/** A log: its origin, and every key that its heads may be signed under, several while it changes them. */
export interface LogKeys {
  readonly name: string;
  /** Ed25519, 32 bytes each. */
  readonly publicKeys: readonly Uint8Array[];
}

/**
 * Verifies the signature of each of the log's keys that made one; lines of other keys are ignored. `signers`: those keys, in
 * the order given, never none. Throws TlogError.
 */
export function verifyLogHead(
  note: string,
  { name, publicKeys }: LogKeys,
): { readonly checkpoint: Checkpoint; readonly signers: readonly Uint8Array[] } {
  const { signatures } = parseNote(note);
  const ids = publicKeys.map((publicKey) => keyId({ name, publicKey, type: "ed25519" }));
  const signers = publicKeys.filter((_, i) =>
    signatures.some((line) => line.name === name && line.keyId === ids[i]),
  );
  const heads = signers.map((publicKey) => verifyCheckpoint(note, { name, publicKey }));
  const [checkpoint] = heads;
  if (checkpoint === undefined) {
    const keys = ids.length === 1 ? `key ${ids[0]}` : `any of the keys ${ids.join(", ")}`;
    throw new TlogError("signature", `note: has no signature by ${name} (${keys})`);
  }
  return { checkpoint, signers };
}
