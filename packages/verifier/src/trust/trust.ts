import { fromBase64, fromUtf8, messageOf, toBase64, utf8 } from "@wattseal/base";
import { formatVkey, parseVkey } from "@wattseal/tlog";
import { VerifierError } from "../errors.js";

/** Whoever may issue identities, mint, and set policy. */
export interface TrustedAuthority {
  /** For people. */
  readonly name: string;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
}

/** A federation whose cosignatures count. */
export interface TrustedWitness {
  /** Key name of its cosignatures. */
  readonly name: string;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
}

/** Whom a verifier believes. Without one, the most that can be said is that a log agrees with itself. */
export interface Trust {
  readonly authorities: readonly TrustedAuthority[];
  readonly witnesses: readonly TrustedWitness[];
}

const FORMAT = "wattseal-trust-1";
const MAX_LENGTH = 1024 * 1024;

function refuse(problem: string, options?: ErrorOptions): never {
  throw new VerifierError("trust", `trust file: ${problem}`, options);
}

function fieldsOf(value: unknown, where: string, names: readonly string[]): Map<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    refuse(`${where} is not an object`);
  }
  const fields = new Map<string, unknown>(Object.entries(value));
  for (const name of fields.keys()) {
    if (!names.includes(name)) refuse(`${where} has an unknown key ${JSON.stringify(name)}`);
  }
  for (const name of names) if (!fields.has(name)) refuse(`${where} has no ${name}`);
  return fields;
}

function listOf(value: unknown, where: string): readonly unknown[] {
  if (!Array.isArray(value)) refuse(`${where} is not a list`);
  return value;
}

function textOf(value: unknown, where: string): string {
  if (typeof value !== "string" || value === "") refuse(`${where} is not a text`);
  return value;
}

function decodeAuthority(value: unknown, index: number): TrustedAuthority {
  const where = `authority ${index}`;
  const fields = fieldsOf(value, where, ["name", "ed25519"]);
  const name = textOf(fields.get("name"), `${where}: name`);
  const key = textOf(fields.get("ed25519"), `${where}: ed25519`);
  let publicKey: Uint8Array;
  try {
    publicKey = fromBase64(key, "ed25519");
  } catch (cause) {
    return refuse(`${where}: ${messageOf(cause)}`, { cause });
  }
  if (publicKey.length !== 32) refuse(`${where}: the key has ${publicKey.length} bytes, not 32`);
  return { name, publicKey };
}

function decodeWitness(value: unknown, index: number): TrustedWitness {
  const where = `witness ${index}`;
  const vkey = textOf(value, where);
  try {
    const { name, type, publicKey } = parseVkey(vkey);
    if (type !== "cosignature") refuse(`${where}: ${name} is not a cosignature key (type 4)`);
    return { name, publicKey };
  } catch (cause) {
    if (cause instanceof VerifierError) throw cause;
    return refuse(`${where}: ${messageOf(cause)}`, { cause });
  }
}

function parseJson(bytes: Uint8Array): unknown {
  if (bytes.length > MAX_LENGTH) refuse("is longer than 1 MiB");
  try {
    return JSON.parse(fromUtf8(bytes, "trust file"));
  } catch (cause) {
    return refuse(`is not JSON in UTF-8: ${messageOf(cause)}`, { cause });
  }
}

/**
 * Reads a trust file: JSON
 * `{"format": "wattseal-trust-1", "authorities": [{"name": …, "ed25519": base64 of 32 bytes}], "witnesses": [C2SP vkey of type 4]}`.
 * Unknown, missing and empty keys are refused. Throws VerifierError `trust`.
 */
export function decodeTrust(bytes: Uint8Array): Trust {
  const fields = fieldsOf(parseJson(bytes), "file", ["format", "authorities", "witnesses"]);
  if (fields.get("format") !== FORMAT) refuse(`format is not "${FORMAT}"`);
  return {
    authorities: listOf(fields.get("authorities"), "authorities").map(decodeAuthority),
    witnesses: listOf(fields.get("witnesses"), "witnesses").map(decodeWitness),
  };
}

export function encodeTrust({ authorities, witnesses }: Trust): Uint8Array {
  const file = {
    format: FORMAT,
    authorities: authorities.map(({ name, publicKey }) => ({ name, ed25519: toBase64(publicKey) })),
    witnesses: witnesses.map((witness) => formatVkey({ ...witness, type: "cosignature" })),
  };
  return utf8(`${JSON.stringify(file, null, 2)}\n`);
}
