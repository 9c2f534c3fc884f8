/**
 * What each side keeps of a pairing. Deterministic CBOR; the first item is the record's version.
 *
 * Trust: whoever can write these files decides which halves the pack talks to. They hold no secret: the
 * pack's half is named by reference to its custody, the module keeps its own.
 */
import {
  type Bounds,
  bytesEqual,
  type CborValue,
  DecodeError,
  decodeCbor,
  encodeCbor,
  Fields,
  fromHex,
  type MilliwattHours,
  type ModuleUid,
  messageOf,
  milliwattHours,
  moduleUid,
  type Slot,
  slot,
  toHex,
} from "@wattseal/base";
import { DeviceKeysError } from "./errors.js";
import { HALF_LENGTH } from "./half.js";
import { labelText } from "./label.js";

const VERSION = 1;
const HASH_LENGTH = 32;
const UID_LENGTH = 8;
const ANY: Bounds = { least: 0, most: Number.MAX_SAFE_INTEGER };
const BYTE: Bounds = { least: 0, most: 255 };

/** A module as its pack knows it. */
export interface PairedModule {
  readonly uid: ModuleUid;
  readonly slot: Slot;
  /** Number of the bus it sits on, 0-255. */
  readonly busId: number;
  /** The module's public half, 32 bytes. */
  readonly half: Uint8Array;
  /** The label's eight groups, as `labelText` gives them for `uid` and `half`. */
  readonly label: string;
  readonly ratedCapacity: MilliwattHours;
  /** Continuous power, watts. */
  readonly ratedWatts: number;
}

export interface PackPairing {
  /** SHA-256 of the pack's genesis body. */
  readonly packHash: Uint8Array;
  readonly packHalf: {
    /** Where custody keeps the secret, in custody's own words (a file's name, a TPM handle). */
    readonly reference: string;
    /** 32 bytes: a restored or swapped secret that does not fit is noticed at start. */
    readonly publicKey: Uint8Array;
  };
  /** By bus, then slot; no uid, half, or slot of a bus twice. */
  readonly modules: readonly PairedModule[];
  /** While the pack half is being rolled: the one to follow, which some modules have proven already. */
  readonly nextHalf?: PackPairing["packHalf"];
}

export interface ModulePairing {
  readonly packHash: Uint8Array;
  /** The pack's public half, 32 bytes. */
  readonly packHalf: Uint8Array;
  readonly slot: Slot;
  readonly busId: number;
  /** The federation's X25519 public half, 32 bytes, for counter statements. */
  readonly fed: Uint8Array;
  /** While the pack half is being rolled: the one that a session is yet to prove, 32 bytes. */
  readonly nextPackHalf?: Uint8Array;
}

/** Throws DeviceKeysError `bad-pairing` when the record contradicts itself. */
export function encodePackPairing(pairing: PackPairing): Uint8Array {
  checkModules(pairing.modules);
  return encodeCbor([
    VERSION,
    sized(pairing.packHash, HASH_LENGTH, "pack hash"),
    pairing.packHalf.reference,
    sized(pairing.packHalf.publicKey, HALF_LENGTH, "pack half"),
    pairing.modules.map((module) => [
      fromHex(module.uid),
      module.slot,
      byte(module.busId, "bus id"),
      sized(module.half, HALF_LENGTH, "module half"),
      module.label,
      module.ratedCapacity,
      watts(module.ratedWatts),
    ]),
    ...optional(pairing.nextHalf, ({ reference, publicKey }) => [
      reference,
      sized(publicKey, HALF_LENGTH, "next pack half"),
    ]),
  ]);
}

/** Throws DecodeError for anything that `encodePackPairing` would not have written. */
export function decodePackPairing(bytes: Uint8Array): PackPairing {
  return decoding("pack pairing", bytes, { least: 5, most: 6 }, (fields) => {
    const modules = new Fields(fields.value(4), "modules of a pack pairing", ANY);
    const pairing: PackPairing = {
      packHash: fields.bytes(1, "pack hash", HASH_LENGTH),
      packHalf: {
        reference: fields.text(2, "pack half reference", ANY),
        publicKey: fields.bytes(3, "pack half", HALF_LENGTH),
      },
      modules: modules.each((i) => pairedModule(modules.value(i))),
      ...(fields.length === 5 ? {} : { nextHalf: custodyOf(fields.value(5)) }),
    };
    checkModules(pairing.modules);
    return pairing;
  });
}

export function encodeModulePairing(pairing: ModulePairing): Uint8Array {
  return encodeCbor([
    VERSION,
    sized(pairing.packHash, HASH_LENGTH, "pack hash"),
    sized(pairing.packHalf, HALF_LENGTH, "pack half"),
    pairing.slot,
    byte(pairing.busId, "bus id"),
    sized(pairing.fed, HALF_LENGTH, "federation half"),
    ...optional(pairing.nextPackHalf, (next) => sized(next, HALF_LENGTH, "next pack half")),
  ]);
}

/** Throws DecodeError for anything that `encodeModulePairing` would not have written. */
export function decodeModulePairing(bytes: Uint8Array): ModulePairing {
  return decoding("module pairing", bytes, { least: 6, most: 7 }, (fields) => {
    return {
      packHash: fields.bytes(1, "pack hash", HASH_LENGTH),
      packHalf: fields.bytes(2, "pack half", HALF_LENGTH),
      slot: slot(fields.integer(3, "slot", ANY)),
      busId: fields.integer(4, "bus id", BYTE),
      fed: fields.bytes(5, "federation half", HALF_LENGTH),
      ...(fields.length === 6
        ? {}
        : { nextPackHalf: fields.bytes(6, "next pack half", HALF_LENGTH) }),
    };
  });
}

function custodyOf(value: CborValue | undefined): PackPairing["packHalf"] {
  const fields = new Fields(value, "next half of a pack pairing", 2);
  return {
    reference: fields.text(0, "reference", ANY),
    publicKey: fields.bytes(1, "public half", HALF_LENGTH),
  };
}

/** An item that a record has or has not. */
function optional<T>(value: T | undefined, encode: (value: T) => CborValue): CborValue[] {
  return value === undefined ? [] : [encode(value)];
}

function pairedModule(value: CborValue | undefined): PairedModule {
  const fields = new Fields(value, "module of a pack pairing", 7);
  return {
    uid: moduleUid(toHex(fields.bytes(0, "uid", UID_LENGTH))),
    slot: slot(fields.integer(1, "slot", ANY)),
    busId: fields.integer(2, "bus id", BYTE),
    half: fields.bytes(3, "module half", HALF_LENGTH),
    label: fields.text(4, "label", ANY),
    ratedCapacity: milliwattHours(fields.integer(5, "rated capacity", ANY)),
    ratedWatts: fields.integer(6, "rated power", ANY),
  };
}

function checkModules(modules: readonly PairedModule[]): void {
  const uids = new Set<string>();
  const halves = new Set<string>();
  let previous = -1;
  for (const module of modules) {
    const place = module.busId * 32 + module.slot;
    if (place <= previous) throw bad(`slot ${module.slot} is out of order or given twice`);
    previous = place;
    const half = toHex(module.half);
    if (uids.has(module.uid)) throw bad(`module ${module.uid} is listed twice`);
    if (halves.has(half)) throw bad(`module ${module.uid} has another module's half`);
    if (module.label !== labelText(module.uid, module.half)) {
      throw bad(`the label of module ${module.uid} does not belong to its uid and half`);
    }
    uids.add(module.uid);
    halves.add(half);
  }
}

function bad(problem: string): DeviceKeysError {
  return new DeviceKeysError("bad-pairing", "usage", problem);
}

/** What the record's own rules refuse is, on the way in, the input's fault. */
function decoding<T>(
  what: string,
  bytes: Uint8Array,
  count: number | { readonly least: number; readonly most: number },
  read: (fields: Fields) => T,
): T {
  const fields = new Fields(decodeCbor(bytes, { what }), what, count);
  if (fields.value(0) !== VERSION) fields.fail("the record's version is unknown");
  try {
    return read(fields);
  } catch (cause) {
    if (cause instanceof DecodeError) throw cause;
    throw new DecodeError(what, 0, messageOf(cause), { cause });
  }
}

function sized(bytes: Uint8Array, length: number, what: string): Uint8Array {
  if (bytes.length !== length) throw bad(`${what} has ${bytes.length} bytes, not ${length}`);
  return bytes;
}

function byte(value: number, what: string): number {
  if (!Number.isInteger(value) || value < 0 || value > 255) throw bad(`${value} is not a ${what}`);
  return value;
}

function watts(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0)
    throw bad(`${value} is not a power in whole watts`);
  return value;
}

/** The record of a roll begun: to be durable before any module is told of the next half. */
export function beginKeyRoll(pairing: PackPairing, next: PackPairing["packHalf"]): PackPairing {
  if (pairing.nextHalf !== undefined) throw bad("a key-roll is under way already");
  if (holdsPackHalf(pairing, next.publicKey)) throw bad("that half is the one in use");
  return { ...pairing, nextHalf: next };
}

/** The record of a roll that every module has proven; the old half is to be destroyed only then. */
export function endKeyRoll({ nextHalf, ...rest }: PackPairing): PackPairing {
  if (nextHalf === undefined) throw bad("no key-roll is under way");
  return { ...rest, packHalf: nextHalf };
}

/** Whether the pack's custody holds the half that the record names. */
export function holdsPackHalf(pairing: PackPairing, publicKey: Uint8Array): boolean {
  return bytesEqual(pairing.packHalf.publicKey, publicKey);
}
