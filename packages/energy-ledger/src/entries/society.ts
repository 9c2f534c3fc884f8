import {
  amount,
  basisPoints,
  energy,
  entryIndex,
  hash32,
  keyName,
  label,
  lct,
  sign1,
  sourceName,
  time,
} from "../codec/scalars.js";
import {
  constant,
  decodeAs,
  integer,
  list,
  oneOf,
  optional,
  record,
  type Schema,
  type Value,
} from "../codec/schema.js";

/** An object of the authority, as signed. Its payload has a schema below. */
export const signedEntry = record({ sign1 });

const serial = integer("a serial number", 1, Number.MAX_SAFE_INTEGER);

/** Payload of society.mint: raises supply and ADP. */
export const mintPayload = record({
  purpose: constant("wattseal-mint-1"),
  society: lct,
  /** mWh. */
  amount,
  /** Above the last one's, so that a mint counts once. */
  serial,
});
export type MintPayload = Value<typeof mintPayload>;

const tier = oneOf("tier", "high", "developing", "low");
export type Tier = Value<typeof tier>;

const days = integer("a number of days", 1, 366);

const policyTerms = {
  society: lct,
  /** Above the last one's. */
  version: serial,
  /** Share of a charge that becomes a lot at once, by tier; they do not rise from high to low. */
  highBps: basisPoints,
  developingBps: basisPoints,
  lowBps: basisPoints,
  /** The tier in force, until trust entries decide it. */
  tier,
  /** Life of a lot and of what is withheld. */
  lotDays: days,
  withheldDays: days,
  /** Waste in one expire entry above which an operator is alerted, mWh. */
  wasteAlert: energy,
  /** mWh that may ever be charged from sources of kind `declared`. */
  declaredCap: energy,
};

/** Payload of society.policy. */
export const policyPayload = record({ purpose: constant("wattseal-policy-1"), ...policyTerms });
export type PolicyPayload = Value<typeof policyPayload>;

export const policyWitness = record({
  /** Whose log decides trades. */
  lct,
  /** Name of its cosignatures' key. */
  name: keyName,
  /** Ed25519. */
  publicKey: hash32,
});
/** A witness whose word on another society's log counts here. */
export type PolicyWitness = Value<typeof policyWitness>;

/** The same with other societies in it: those that energy may come from and go to, and who vouches for their logs. */
export const policyPayload2 = record({
  purpose: constant("wattseal-policy-2"),
  ...policyTerms,
  witnesses: list(policyWitness, { max: 16 }),
  counterparties: list(lct, { max: 128 }),
});
export type PolicyPayload2 = Value<typeof policyPayload2>;

const POLICY_2_FIELDS = 13;

/** Of either version. */
export type Policy = PolicyPayload | PolicyPayload2;

/** The versions differ in their number of fields. */
export const anyPolicy: Schema<Policy> = {
  read(reader) {
    return reader.peekArray() === POLICY_2_FIELDS
      ? policyPayload2.read(reader)
      : policyPayload.read(reader);
  },
  write(writer, policy) {
    if ("witnesses" in policy) policyPayload2.write(writer, policy);
    else policyPayload.write(writer, policy);
  },
};

/** Throws DecodeError. */
export function decodePolicy(payload: Uint8Array): Policy {
  return decodeAs(anyPolicy, payload, "policy payload");
}

export const sourceKind = oneOf(
  "source kind",
  "solar",
  "wind",
  "grid",
  "battery",
  "regen",
  "fuel",
  "compute",
  "labour",
  "declared",
);
export type SourceKind = Value<typeof sourceKind>;

/** Payload of society.source: a capacity proof, which ages by kind (society/sources.ts). */
export const sourcePayload = record({
  purpose: constant("wattseal-source-1"),
  society: lct,
  source: sourceName,
  kind: sourceKind,
  /** Rated power, W. */
  ratedWatts: integer("a rated power in W", 1, 2 ** 31 - 1),
  /** UTC ms: when the capacity was proven. Use is limited to rated power × time from here. */
  provenAt: time,
  /** LCT of the meter: compute and labour need one. */
  meter: optional(lct),
});
export type SourcePayload = Value<typeof sourcePayload>;

/** Turns eligible energy into a lot of ATP and a withheld rest. */
export const societyCharge = record({
  /** mWh consumed from eligible. */
  amount,
  /** What charged; the amounts add up to `amount`. */
  sources: list(record({ source: sourceName, amount }), { min: 1, max: 16 }),
  /** Share that becomes a lot; every verifier recomputes it. */
  tierBps: basisPoints,
});
export type SocietyCharge = Value<typeof societyCharge>;

/** Turns the oldest withheld energy into lots with the dates of their charges. */
export const societyCertify = record({
  /** mWh, at most what is withheld and at most ADP. */
  amount,
  /** What bears the energy out: a load that was served, the application that used it, a peer that saw it. */
  by: oneOf("certifier", "load", "application", "peer"),
  certifier: sourceName,
  /** SHA-256 of what they said. */
  proof: optional(hash32),
});
export type SocietyCertify = Value<typeof societyCertify>;

/** Opens a work ticket, which this entry's index names: it takes the oldest lots. */
export const societyReserve = record({
  /** mWh. */
  amount,
  worker: lct,
  /** E.g. `compute`, `maintenance`. */
  task: label,
  /** SHA-256 of the order. */
  order: optional(hash32),
});
export type SocietyReserve = Value<typeof societyReserve>;

/** Closes a ticket whose work is done; what it holds beyond `amount` returns to its lots. */
export const societyCommit = record({
  /** Index of the society.reserve. */
  ticket: entryIndex,
  /** mWh of what the ticket still holds; absent where windows have used all that the work took. */
  amount: optional(amount),
  /** Share of the work that earns the worker reputation. */
  quality: basisPoints,
  /** SHA-256 of what shows that the work is done. */
  proof: optional(hash32),
});
export type SocietyCommit = Value<typeof societyCommit>;

/** One lot or withheld amount, named by the charge that made it, which names its sources. */
const expiredItem = record({
  /** Index of the society.charge. */
  charge: entryIndex,
  /** UTC ms of the charge: the age runs from here. */
  since: time,
  /** mWh. */
  amount,
});

/** Most items of one expire entry, so that it stays well below 16 KiB; more make another entry. */
export const MAX_EXPIRED = 256;

/** What is past its date, oldest first. */
export const societyExpire = record({
  /** Lots: tokens to ADP, energy to unclaimed, waste. */
  lots: list(expiredItem, { max: MAX_EXPIRED }),
  /** Withheld: energy to unclaimed. */
  withheld: list(expiredItem, { max: MAX_EXPIRED }),
});
export type SocietyExpire = Value<typeof societyExpire>;

/** Closes a ticket without its work; what it holds returns to its lots. */
export const societyRollback = record({
  /** Index of the society.reserve. */
  ticket: entryIndex,
  reason: oneOf("rollback reason", "failure", "deadline"),
  /** Those of its lots that are past their date, oldest first: tokens to ADP, energy to unclaimed, waste. */
  lots: list(expiredItem, { max: MAX_EXPIRED }),
});
export type SocietyRollback = Value<typeof societyRollback>;
