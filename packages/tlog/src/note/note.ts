/** C2SP signed-note: text, a blank line, signature lines. */
import {
  concatBytes,
  fromBase64,
  fromHex,
  messageOf,
  toBase64,
  toHex,
  utf8,
  verifyEd25519,
} from "@wattseal/base";
import { TlogError } from "../errors.js";
import { KEY_ID_LENGTH, keyId, requireKeyName, type VerifierKey } from "./key.js";

export interface NoteSignature {
  readonly name: string;
  /** 8 lower-case hexadecimal digits. */
  readonly keyId: string;
  /** What follows the key id: 64 bytes for Ed25519, 72 for a cosignature, any for unknown keys. */
  readonly signature: Uint8Array;
}

export interface SignedNote {
  /** With its final newline, without the blank line: what is signed. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** A key and what signs with it; the secret stays behind `sign`. */
export interface NoteSigner {
  readonly name: string;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Ed25519 over the given bytes, 64 bytes. */
  readonly sign: (bytes: Uint8Array) => Uint8Array;
}

/** A verifier has to accept 16 signatures, of up to 5 kB each with post-quantum keys. */
const MAX_SIGNATURES = 32;
const MAX_LENGTH = 256 * 1024;
const NEWLINE = 0x0a;
const DASH = "\u2014 ";
const SIGNATURE_LENGTH = 64;

function refuse(problem: string, offset: number, options?: ErrorOptions): never {
  throw new TlogError("note", `note: ${problem} (at offset ${offset})`, options);
}

function requireText(text: string): void {
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 && unit !== NEWLINE) refuse("holds a control character", i);
  }
  if (!text.isWellFormed()) refuse("holds a lone surrogate", 0);
  if (!text.endsWith("\n")) refuse("does not end in a newline", text.length);
}

function decodeLine(encoded: string, offset: number): Uint8Array {
  try {
    return fromBase64(encoded, "signature");
  } catch (cause) {
    return refuse(messageOf(cause), offset, { cause });
  }
}

function parseLine(line: string, offset: number): NoteSignature {
  const space = line.indexOf(" ", DASH.length);
  if (!line.startsWith(DASH) || space === -1) refuse("holds no signature line here", offset);
  const name = line.slice(DASH.length, space);
  requireKeyName(name);
  const bytes = decodeLine(line.slice(space + 1), offset + space + 1);
  if (bytes.length <= KEY_ID_LENGTH) refuse("holds a signature without content", offset);
  return {
    name,
    keyId: toHex(bytes.subarray(0, KEY_ID_LENGTH)),
    signature: bytes.subarray(KEY_ID_LENGTH),
  };
}

/** Parses without verifying. Offsets in errors are in characters. Throws TlogError "note". */
export function parseNote(note: string): SignedNote {
  if (note.length > MAX_LENGTH) refuse(`is longer than ${MAX_LENGTH} characters`, MAX_LENGTH);
  requireText(note);
  const blank = note.lastIndexOf("\n\n");
  if (blank === -1) refuse("has no blank line before its signatures", 0);
  const lines = note.slice(blank + 2, -1).split("\n");
  if (lines.length > MAX_SIGNATURES) refuse(`has more than ${MAX_SIGNATURES} signatures`, blank);
  let offset = blank + 2;
  const signatures = lines.map((line) => {
    const signature = parseLine(line, offset);
    offset += line.length + 1;
    return signature;
  });
  return { text: note.slice(0, blank + 1), signatures };
}

function formatLine({ name, keyId: id, signature }: NoteSignature): string {
  return `${DASH}${name} ${toBase64(concatBytes(fromHex(id), signature))}\n`;
}

export function formatNote({ text, signatures }: SignedNote): string {
  return `${text}\n${signatures.map(formatLine).join("")}`;
}

/** Adds a signature; an earlier one by the same key gives way. */
export function addSignature(note: SignedNote, added: NoteSignature): string {
  const others = note.signatures.filter((s) => s.name !== added.name || s.keyId !== added.keyId);
  return formatNote({ text: note.text, signatures: [...others, added] });
}

/** Calls the signer and insists on 64 bytes. */
export function signBytes(signer: NoteSigner, bytes: Uint8Array): Uint8Array {
  const signature = signer.sign(bytes);
  if (signature.length !== SIGNATURE_LENGTH) {
    throw new TlogError("range", `an Ed25519 signature has 64 bytes, not ${signature.length}`);
  }
  return signature;
}

/** Signs `text` (which ends in a newline) with an Ed25519 note signature of each signer, in their order; returns the whole note. */
export function signNote(text: string, ...signers: readonly [NoteSigner, ...NoteSigner[]]): string {
  requireText(text);
  const signatures = signers.map((signer) => ({
    name: signer.name,
    keyId: keyId({ ...signer, type: "ed25519" }),
    signature: signBytes(signer, utf8(text)),
  }));
  return formatNote({ text, signatures });
}

/** The one signature of `key` on the note. Throws TlogError "signature" where there is none, or two. */
export function signatureOf(note: SignedNote, key: VerifierKey): Uint8Array {
  const id = keyId(key);
  const found = note.signatures.filter((s) => s.name === key.name && s.keyId === id);
  const [first] = found;
  if (first === undefined || found.length > 1) {
    const many = first === undefined ? "no signature" : "two signatures";
    throw new TlogError("signature", `note: has ${many} by ${key.name} (key ${id})`);
  }
  return first.signature;
}

/** Parses, and verifies the Ed25519 signature of this key; others are ignored. */
export function verifyNote(
  note: string,
  key: { readonly name: string; readonly publicKey: Uint8Array },
): SignedNote {
  const parsed = parseNote(note);
  const signature = signatureOf(parsed, { ...key, type: "ed25519" });
  if (!verifyEd25519(key.publicKey, utf8(parsed.text), signature)) {
    throw new TlogError("signature", `note: the signature by ${key.name} is wrong`);
  }
  return parsed;
}
