/** Ways to alter a log whose owner lies: entries changed, then everything signed again by the true keys. */
import { type CborValue, decodeCbor, encodeCbor } from "@wattseal/base";
import {
  bodyOf,
  bytesOf,
  continued,
  evidence,
  fieldsOf,
  listOf,
  payloadOf,
  statement,
} from "./keyed-log.js";
import type { Random } from "./random.js";
import { bootOf } from "./tpm.js";

const WORDS = [
  "consistent",
  "suspect",
  "unauthenticated",
  "synchronised",
  "unsynchronised",
  "opening",
  "full",
  "accept",
  "reject",
  "grid-1",
  "said-1",
  "declared",
  "solar",
  "low",
  "void",
  "x",
];

function otherNumber(value: number, random: Random): number {
  const near = [value + 1, value - 1, value + 60_000, value - 60_000, 2 * value, value + 101];
  return random.of([
    ...near,
    ...near,
    0,
    10,
    255,
    32_768,
    65_535,
    2 ** 31,
    2 ** 48 - 1,
    2 ** 53 - 1,
  ]);
}

/** A neighbour of this value: one part of it is another. */
function altered(value: CborValue, random: Random): CborValue {
  if (typeof value === "number") {
    const other = otherNumber(value, random);
    return Number.isSafeInteger(other) ? other : value - 1;
  }
  if (typeof value === "string") return random.of([...WORDS, `${value}x`]);
  if (value instanceof Uint8Array) return alteredBytes(value, random);
  const items = listOf(value);
  const at = random.below(Math.max(1, items.length));
  const chosen = items[at];
  if (chosen === undefined) return [1];
  if (random.below(12) === 0) return items.toSpliced(at, random.below(2), chosen);
  return items.with(at, altered(chosen, random));
}

function alteredBytes(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length === 0 || random.below(8) === 0) return Buffer.concat([bytes, Buffer.of(0)]);
  const at = random.below(bytes.length);
  return bytes.with(at, (bytes[at] ?? 0) ^ (1 << random.below(8)));
}

/** Its body is another, and signed again; or what a TPM said is another, which nobody signs again. */
function alteredEvidence(proof: Uint8Array, random: Random): Uint8Array {
  const boot = bootOf(proof);
  if (boot === undefined || random.below(2) === 0) {
    return evidence(listOf(altered(bodyOf(proof), random)), boot);
  }
  const items = listOf(decodeCbor(proof));
  const at = 2 + random.below(items.length - 2);
  return encodeCbor(items.with(at, altered(items[at]!, random)));
}

/** A part of what is signed is another, and signed again. */
function alteredSigned(type: CborValue | undefined, proof: Uint8Array, random: Random): Uint8Array {
  if (type === "epoch.begin") return alteredEvidence(proof, random);
  return statement(listOf(altered(payloadOf(proof), random)));
}

function alteredEntry(entry: Uint8Array, random: Random): Uint8Array {
  const fields = fieldsOf(entry);
  const [, type, time, body] = fields;
  const kind = random.below(10);
  if (kind === 0) return encodeCbor(altered(fields, random));
  if (kind === 1) return encodeCbor(fields.with(2, altered(time ?? 0, random)));
  const proof = listOf(body)[0];
  const signed = proof instanceof Uint8Array && proof.length > 100;
  if (signed && type !== "lct.document" && kind > 2) {
    return encodeCbor(fields.with(3, [alteredSigned(type, bytesOf(proof), random)]));
  }
  return encodeCbor(fields.with(3, altered(listOf(body), random)));
}

/** One entry altered, dropped, doubled, or changed over with the next. */
export function alteredLog(entries: readonly Uint8Array[], random: Random): Uint8Array[] {
  const at = 1 + random.below(entries.length - 2);
  const [entry, next] = [entries[at]!, entries[at + 1]!];
  const kind = random.below(20);
  if (kind === 0) return continued(entries.toSpliced(at, 1), -1);
  if (kind === 1) return continued(entries.toSpliced(at, 0, entry), -1);
  if (kind === 2) return continued(entries.with(at, next).with(at + 1, entry), -1);
  return continued(entries.with(at, alteredEntry(entry, random)), at);
}
