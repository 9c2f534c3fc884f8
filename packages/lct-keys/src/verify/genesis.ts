/** The genesis body of an LCT: what its id is the hash of. Layout and limits: `encodeGenesis`, `decodeGenesis`. */
import {
  type Bounds,
  type CborValue,
  decodeCbor,
  encodeCbor,
  Fields,
  type LctId,
  type Millis,
} from "@wattseal/base";
import { attestationItem, decodeAttestationItem, type LctAttestation } from "./lct-attestation.js";

/** Version 2 has an attestation, version 1 has none. */
const TAGS = ["wattseal-lct-1", "wattseal-lct-2"] as const;
const FIELD_COUNT = { "wattseal-lct-1": 11, "wattseal-lct-2": 12 } as const;
const KINDS = ["app", "pack", "module", "policy", "person", "society", "source", "agent"] as const;
const CLASSES = ["agentic", "responsive", "delegative"] as const;
const RELATIONS = ["bound", "paired", "witnessing", "succeeds"] as const;

/** Highest trust that a binding to hardware can carry, in basis points (design: identity, LCT). */
export const TRUST_CEILING_BPS = {
  tpm: 10_000,
  /** A TPM whose keys no boot policy guards. */
  "tpm-unmeasured": 8_500,
  "secure-element": 8_500,
  /** A microcontroller with a true random generator. */
  mcu: 8_500,
  software: 4_000,
  unknown: 4_000,
} as const;
const BINDINGS = [
  "tpm",
  "tpm-unmeasured",
  "secure-element",
  "mcu",
  "software",
  "unknown",
] as const satisfies readonly (keyof typeof TRUST_CEILING_BPS)[];

export type LctKind = (typeof KINDS)[number];
export type LctClass = (typeof CLASSES)[number];
export type Binding = keyof typeof TRUST_CEILING_BPS;

/** What the identity is bound to: an anchor key (65 bytes, uncompressed), a module's device half (32 bytes), or a policy's text. */
export type LctAnchor =
  | { readonly type: "p256"; readonly publicKey: Uint8Array }
  | { readonly type: "x25519"; readonly publicKey: Uint8Array }
  | { readonly type: "policy"; readonly text: string };

/** One link of the Markov relevancy horizon; `succeeds` names the LCT whose board this one replaces. */
export interface LctLink {
  readonly relation: (typeof RELATIONS)[number];
  readonly lct: LctId;
}

export interface LctGenesis {
  readonly kind: LctKind;
  readonly class: LctClass;
  readonly anchor: LctAnchor;
  readonly binding: Binding;
  /** 0 to the binding's ceiling, basis points. */
  readonly strengthBps: number;
  readonly context: readonly string[];
  /** Ed25519 key of the authority that signs the document, and its LCT where it has one. */
  readonly issuer: { readonly publicKey: Uint8Array; readonly lct: LctId | undefined };
  readonly created: Millis;
  /** LCT ids or C2SP verifier keys of those who witnessed the birth. */
  readonly witnesses: readonly string[];
  readonly mrh: readonly LctLink[];
  /** Of a TPM's anchor: its statements are then part of every epoch's evidence. */
  readonly attestation?: LctAttestation | undefined;
}

const TEXT: Bounds = { least: 1, most: 256 };
const POLICY_TEXT: Bounds = { least: 1, most: 4_096 };
const LIST: Bounds = { least: 0, most: 32 };
const P256_POINT = { length: 65, uncompressed: 4 } as const;

/** A module is known by its device half, a policy by its words, everyone else by a key that signs. */
function anchorTypeOf(kind: LctKind): LctAnchor["type"] {
  if (kind === "module") return "x25519";
  return kind === "policy" ? "policy" : "p256";
}

function anchorItem(anchor: LctAnchor): CborValue {
  return [anchor.type, anchor.type === "policy" ? anchor.text : anchor.publicKey];
}

/** The one encoding of a genesis body. Throws what `decodeGenesis` throws when a field is out of bounds. */
export function encodeGenesis(genesis: LctGenesis): Uint8Array {
  const { attestation } = genesis;
  const bytes = encodeCbor([
    TAGS[attestation === undefined ? 0 : 1],
    genesis.kind,
    genesis.class,
    anchorItem(genesis.anchor),
    genesis.binding,
    genesis.strengthBps,
    genesis.context,
    [genesis.issuer.publicKey, genesis.issuer.lct ?? []],
    genesis.created,
    genesis.witnesses,
    genesis.mrh.map(({ relation, lct }) => [relation, lct]),
    ...(attestation === undefined ? [] : [attestationItem(attestation)]),
  ]);
  decodeGenesis(bytes);
  return bytes;
}

function decodeAnchor(value: CborValue | undefined, kind: LctKind): LctAnchor {
  const fields = new Fields(value, "LCT anchor", 2);
  const type = fields.oneOf(0, "type", [anchorTypeOf(kind)]);
  if (type === "policy") return { type, text: fields.text(1, "text", POLICY_TEXT) };
  if (type === "x25519") return { type, publicKey: fields.bytes(1, "device half", 32) };
  const publicKey = fields.bytes(1, "anchor key", P256_POINT.length);
  if (publicKey[0] !== P256_POINT.uncompressed) fields.fail("anchor key is not uncompressed");
  return { type, publicKey };
}

function decodeIssuer(value: CborValue | undefined): LctGenesis["issuer"] {
  const fields = new Fields(value, "LCT issuer", 2);
  const lct = fields.absent(1) ? undefined : fields.lct(1, "lct");
  return { publicKey: fields.bytes(0, "key", 32), lct };
}

function decodeTexts(value: CborValue | undefined, what: string): readonly string[] {
  const fields = new Fields(value, what, LIST);
  return fields.each((i) => fields.text(i, `item ${i}`, TEXT));
}

function decodeLinks(value: CborValue | undefined): readonly LctLink[] {
  const list = new Fields(value, "LCT relevancy horizon", LIST);
  return list.each((i) => {
    const link = new Fields(list.value(i), `LCT relevancy horizon, link ${i}`, 2);
    return { relation: link.oneOf(0, "relation", RELATIONS), lct: link.lct(1, "lct") };
  });
}

/** `tpm` has a boot policy and `tpm-unmeasured` none; an emulated TPM may have one, and is `software` all the same. */
function isBoundTo(binding: Binding, { boot }: LctAttestation): boolean {
  if (binding === "software") return true;
  return binding === (boot === undefined ? "tpm-unmeasured" : "tpm");
}

function decodeAttestation(fields: Fields, kind: LctKind, binding: Binding): LctAttestation {
  const attestation = decodeAttestationItem(fields.value(11));
  if (anchorTypeOf(kind) !== "p256") fields.fail(`a ${kind} has no anchor key to attest`);
  if (!isBoundTo(binding, attestation)) fields.fail(`binding ${binding} has another attestation`);
  return attestation;
}

/** Throws DecodeError for anything `encodeGenesis` would not have written. */
export function decodeGenesis(bytes: Uint8Array): LctGenesis {
  const what = "LCT genesis body";
  const fields = new Fields(decodeCbor(bytes, { what }), what, { least: 11, most: 12 });
  const tag = fields.oneOf(0, "version tag", TAGS);
  if (fields.length !== FIELD_COUNT[tag]) fields.fail(`has ${fields.length} items in ${tag}`);
  const kind = fields.oneOf(1, "kind", KINDS);
  const binding = fields.oneOf(4, "binding", BINDINGS);
  const strength = { least: 0, most: TRUST_CEILING_BPS[binding] };
  return {
    kind,
    class: fields.oneOf(2, "class", CLASSES),
    anchor: decodeAnchor(fields.value(3), kind),
    binding,
    strengthBps: fields.integer(5, "strength", strength),
    context: decodeTexts(fields.value(6), "LCT context"),
    issuer: decodeIssuer(fields.value(7)),
    created: fields.millis(8, "created"),
    witnesses: decodeTexts(fields.value(9), "LCT witnesses"),
    mrh: decodeLinks(fields.value(10)),
    attestation: tag === TAGS[1] ? decodeAttestation(fields, kind, binding) : undefined,
  };
}
