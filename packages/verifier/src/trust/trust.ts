import { bytesEqual, fromBase64, fromUtf8, messageOf, toBase64, utf8 } from "@wattseal/base";
import { parseVkey, type Witness, witnessVkeys } from "@wattseal/tlog";
import { VerifierError } from "../errors.js";

/** Whoever may issue identities, mint, and set policy. */
export interface TrustedAuthority {
  /** For people. */
  readonly name: string;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
}

/** Whom a verifier believes. Without one, the most that can be said is that a log agrees with itself. */
export interface Trust {
  readonly authorities: readonly TrustedAuthority[];
  /** Federations whose cosignatures count, no two of one name. */
  readonly witnesses: readonly Witness[];
  /** How many of them have to have cosigned what counts as witnessed: 1 or more. */
  readonly quorum: number;
}

/** One key a line, and anyone's cosignature is enough. */
const ONE_OF_ALL = "wattseal-trust-1";
/** Several keys a witness, and a quorum. */
const QUORUM = "wattseal-trust-2";
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

function decodeVkey(value: unknown, where: string) {
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

/** Lines of one name are one witness's keys. */
function decodeVkeys(value: unknown): readonly Witness[] {
  const witnesses = new Map<string, Uint8Array[]>();
  for (const [i, vkey] of listOf(value, "witnesses").entries()) {
    const { name, publicKey } = decodeVkey(vkey, `witness ${i}`);
    const keys = witnesses.get(name) ?? [];
    if (!keys.some((key) => bytesEqual(key, publicKey))) keys.push(publicKey);
    witnesses.set(name, keys);
  }
  return [...witnesses].map(([name, publicKeys]) => ({ name, publicKeys }));
}

function decodeWitness(value: unknown, index: number): Witness {
  const where = `witness ${index}`;
  const fields = fieldsOf(value, where, ["name", "keys"]);
  const name = textOf(fields.get("name"), `${where}: name`);
  const keys = listOf(fields.get("keys"), `${where}: keys`);
  if (keys.length === 0) refuse(`${where}: ${name} has no key`);
  const publicKeys = keys.map((vkey, i) => {
    const key = decodeVkey(vkey, `${where}: key ${i}`);
    if (key.name !== name) refuse(`${where}: key ${i} is of ${key.name}, not of ${name}`);
    return key.publicKey;
  });
  return { name, publicKeys };
}

/** Who has one key under two names would count twice. */
function requireDistinct(witnesses: readonly Witness[]): void {
  const names = new Set<string>();
  const owners = new Map<string, string>();
  for (const { name, publicKeys } of witnesses) {
    if (names.has(name)) refuse(`witness ${name} is named twice: list its keys in one place`);
    names.add(name);
    for (const key of publicKeys.map((bytes) => toBase64(bytes))) {
      const owner = owners.get(key);
      if (owner !== undefined) refuse(`a key of ${owner} is named again under ${name}`);
      owners.set(key, name);
    }
  }
}

function decodeQuorum(value: unknown, witnesses: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= witnesses) {
    return value;
  }
  return refuse(`quorum is not a number from 1 to that of the witnesses, ${witnesses}`);
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
 * Reads a trust file, JSON of one of two forms: `{"format": "wattseal-trust-1", "authorities": [{"name": …, "ed25519":
 * base64 of 32 bytes}], "witnesses": [C2SP vkey of type 4]}`, of which any one witness is enough; or `"wattseal-trust-2"`
 * with `"witnesses": [{"name": …, "keys": [vkey…]}]` and `"quorum"`. Unknown, missing and empty keys are refused. Throws
 * VerifierError `trust`.
 */
export function decodeTrust(bytes: Uint8Array): Trust {
  const file = parseJson(bytes);
  const format = formatOf(file);
  const names = ["format", "authorities", "witnesses", ...(format === QUORUM ? ["quorum"] : [])];
  const fields = fieldsOf(file, "file", names);
  const authorities = listOf(fields.get("authorities"), "authorities").map(decodeAuthority);
  if (format === ONE_OF_ALL) {
    return { authorities, witnesses: decodeVkeys(fields.get("witnesses")), quorum: 1 };
  }
  const witnesses = listOf(fields.get("witnesses"), "witnesses").map(decodeWitness);
  requireDistinct(witnesses);
  return { authorities, witnesses, quorum: decodeQuorum(fields.get("quorum"), witnesses.length) };
}

function formatOf(file: unknown): string {
  const format =
    typeof file === "object" && file !== null && "format" in file ? file.format : undefined;
  if (format === ONE_OF_ALL || format === QUORUM) return format;
  if (typeof file !== "object" || file === null || Array.isArray(file)) {
    return refuse("file is not an object");
  }
  return refuse(`format is neither "${ONE_OF_ALL}" nor "${QUORUM}"`);
}

/** In the older form where that says it all. */
export function encodeTrust({ authorities, witnesses, quorum }: Trust): Uint8Array {
  const isOneOfAll = quorum === 1 && witnesses.every(({ publicKeys }) => publicKeys.length === 1);
  const file = {
    format: isOneOfAll ? ONE_OF_ALL : QUORUM,
    authorities: authorities.map(({ name, publicKey }) => ({ name, ed25519: toBase64(publicKey) })),
    ...(isOneOfAll
      ? { witnesses: witnesses.flatMap(witnessVkeys) }
      : {
          witnesses: witnesses.map((witness) => ({
            name: witness.name,
            keys: witnessVkeys(witness),
          })),
          quorum,
        }),
  };
  return utf8(`${JSON.stringify(file, null, 2)}\n`);
}
