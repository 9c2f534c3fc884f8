/** Identity, epochs, links and operation. */
import {
  energy,
  entryIndex,
  hash32,
  label,
  lct,
  module,
  phrase,
  sign1,
  slotNumber,
  time,
  u8,
  u32,
} from "../codec/scalars.js";
import {
  byteString,
  constant,
  integer,
  oneOf,
  optional,
  record,
  type Value,
} from "../codec/schema.js";

/** An LCT document as issued: the pack's is entry 0. */
export const lctDocument = record({ sign1 });

const lctState = oneOf("LCT state", "pending", "active", "void", "slashed", "retired");
export type LctState = Value<typeof lctState>;

/** Payload of lct.status. */
export const statusPayload = record({
  purpose: constant("wattseal-status-1"),
  lct,
  state: lctState,
  /** UTC ms. */
  since: time,
  reason: phrase,
});
export type StatusPayload = Value<typeof statusPayload>;
export const lctStatus = record({ sign1 });

export const epochBegin = record({
  /** Epoch evidence (design: identity), as lct-keys encodes it. */
  evidence: byteString("epoch evidence", 1, 15_000),
});
export type EpochBegin = Value<typeof epochBegin>;

export const epochEnd = record({
  /** The epoch that ends. */
  epoch: integer("an epoch", 1, Number.MAX_SAFE_INTEGER),
  reason: label,
});
export type EpochEnd = Value<typeof epochEnd>;

export const linkPaired = record({
  module,
  slot: slotNumber,
  bus: u8,
  /** X25519 public key of the module's half. */
  moduleKey: hash32,
  /** X25519 public key of the pack's half. */
  packKey: hash32,
  /** mWh the module holds, for the check against its state of charge; 0 when unknown. */
  capacity: energy,
});
export type LinkPaired = Value<typeof linkPaired>;

export const linkUnpaired = record({ module, reason: label });

export const linkAlarm = record({
  /** The module, where it is known. */
  module: optional(module),
  slot: optional(slotNumber),
  /** E.g. `injection`, `clear-frame`, `handshake-failed`. */
  alarm: label,
  /** Occurrences since the last such entry. */
  count: u32,
  detail: phrase,
});
export type LinkAlarm = Value<typeof linkAlarm>;

/** Entered at the start of each epoch and whenever it changes. Only synchronised time expires anything. */
export const opsClock = record({
  sync: oneOf("clock state", "synchronised", "unsynchronised"),
  /** E.g. `ntp`, `rtc`, `simulated`. */
  source: label,
  /** ms the clock was stepped by, forward is positive. */
  step: integer("a clock step in ms", -(2 ** 52), 2 ** 52),
});
export type OpsClock = Value<typeof opsClock>;

export const opsConfig = record({
  /** Software and its version. */
  software: phrase,
  /** SHA-256 of the configuration in force. */
  digest: hash32,
});

/** What this pack has let go, or could not keep, beside its log: it will not be had again. */
export const opsLoss = record({
  /** E.g. `evidence`: the readings behind intervals. */
  what: label,
  /** UTC ms: of when it was. */
  from: time,
  until: time,
  /** E.g. `disk-pressure`. */
  reason: label,
  detail: phrase,
});
export type OpsLoss = Value<typeof opsLoss>;

/** The log was lost here, and had back: what a run before entered beyond these entries, unsigned, is in no log. */
export const opsRestored = record({
  /** Entries that were had back. */
  size: entryIndex,
  /** What shows that none was signed beyond them: the signer's state, its counter, or the operator's word. */
  footing: oneOf("footing", "state", "counter", "word"),
  source: oneOf("source of a copy", "federation", "backup"),
});

/** What vouches for a snapshot of the log: docs/ledger-format.md, Snapshot. Every replay recomputes it. */
export const opsSnapshot = record({
  /** SHA-256 of the snapshot of everything before this entry. */
  digest: hash32,
});
