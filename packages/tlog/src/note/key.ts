/** Keys of C2SP signed-note: names, key ids and the vkey text. */
import { concatBytes, fromBase64, messageOf, sha256, toBase64, toHex, utf8 } from "@wattseal/base";
import { TlogError } from "../errors.js";

/** C2SP signed-note, signature types: an Ed25519 note signature, and a timestamped Ed25519 cosignature. */
export const SIGNATURE_TYPE = { ed25519: 0x01, cosignature: 0x04 } as const;
export type SignatureType = keyof typeof SIGNATURE_TYPE;

const PUBLIC_KEY_LENGTH = 32;
export const KEY_ID_LENGTH = 4;

export interface VerifierKey {
  readonly name: string;
  readonly type: SignatureType;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
}

/** C2SP signed-note: not empty, no Unicode space, no plus; and no control character, as in any note. */
const KEY_NAME = /^[^\s\u0085+\p{Cc}]+$/u;

export function requireKeyName(name: string): void {
  if (!KEY_NAME.test(name) || !name.isWellFormed()) {
    throw new TlogError("note", `${JSON.stringify(name)} is not a key name (no spaces, no plus)`);
  }
}

/** SHA-256(name ‖ 0x0A ‖ type ‖ public key)[:4], as 8 lower-case hexadecimal digits. */
export function keyId(key: VerifierKey): string {
  requireKeyName(key.name);
  if (key.publicKey.length !== PUBLIC_KEY_LENGTH) {
    throw new TlogError("note", `key of ${key.name}: has ${key.publicKey.length} bytes, not 32`);
  }
  const typed = concatBytes(
    utf8(key.name),
    Uint8Array.of(0x0a, SIGNATURE_TYPE[key.type]),
    key.publicKey,
  );
  return toHex(sha256(typed).subarray(0, KEY_ID_LENGTH));
}

/** `<name>+<key id>+<base64(type ‖ public key)>` (C2SP signed-note, verifier keys). */
export function formatVkey(key: VerifierKey): string {
  const material = concatBytes(Uint8Array.of(SIGNATURE_TYPE[key.type]), key.publicKey);
  return `${key.name}+${keyId(key)}+${toBase64(material)}`;
}

function signatureType(byte: number | undefined): SignatureType {
  if (byte === SIGNATURE_TYPE.ed25519) return "ed25519";
  if (byte === SIGNATURE_TYPE.cosignature) return "cosignature";
  throw new TlogError("note", `vkey: signature type ${byte ?? "none"} is neither 1 nor 4`);
}

/** Throws TlogError "note" for anything that `formatVkey` would not have written. */
export function parseVkey(text: string): VerifierKey {
  const [, name, id, encoded] = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text) ?? [];
  if (name === undefined || id === undefined || encoded === undefined) {
    throw new TlogError("note", "vkey: is not <name>+<8 hexadecimal digits>+<base64>");
  }
  let material: Uint8Array;
  try {
    material = fromBase64(encoded, "vkey");
  } catch (cause) {
    throw new TlogError("note", messageOf(cause), { cause });
  }
  const key = { name, type: signatureType(material[0]), publicKey: material.slice(1) };
  if (keyId(key) !== id) {
    throw new TlogError("note", `vkey of ${name}: key id is ${keyId(key)}, not ${id}`);
  }
  return key;
}
