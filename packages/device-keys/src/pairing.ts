/**
 * What each side keeps of a pairing. Deterministic CBOR; the first item is the record's version.
 *
 * Trust: whoever can write these files decides which halves the pack talks to. They hold no secret: the
 * pack's half is named by reference to its custody, the module keeps its own.
 */
import {
  bytesEqual,
  type CborValue,
  DecodeError,
  decodeCbor,
  encodeCbor,
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
}

export interface ModulePairing {
  readonly packHash: Uint8Array;
  /** The pack's public half, 32 bytes. */
  readonly packHalf: Uint8Array;
  readonly slot: Slot;
  readonly busId: number;
  /** The federation's X25519 public half, 32 bytes, for counter statements. */
  readonly fed: Uint8Array;
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
  ]);
}

/** Throws DecodeError for anything that `encodePackPairing` would not have written. */
export function decodePackPairing(bytes: Uint8Array): PackPairing {
  return decoding("pack pairing", bytes, (fields) => {
    const [version, packHash, reference, publicKey, modules] = tuple(fields, 5);
    checkVersion(version);
    const pairing: PackPairing = {
      packHash: bytesOf(packHash, HASH_LENGTH, "pack hash"),
      packHalf: {
        reference: textOf(reference, "pack half reference"),
        publicKey: bytesOf(publicKey, HALF_LENGTH, "pack half"),
      },
      modules: listOf(modules, "modules").map(pairedModule),
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
  ]);
}

/** Throws DecodeError for anything that `encodeModulePairing` would not have written. */
export function decodeModulePairing(bytes: Uint8Array): ModulePairing {
  return decoding("module pairing", bytes, (fields) => {
    const [version, packHash, packHalf, slotNumber, busId, fed] = tuple(fields, 6);
    checkVersion(version);
    return {
      packHash: bytesOf(packHash, HASH_LENGTH, "pack hash"),
      packHalf: bytesOf(packHalf, HALF_LENGTH, "pack half"),
      slot: slot(integerOf(slotNumber, "slot")),
      busId: byte(integerOf(busId, "bus id"), "bus id"),
      fed: bytesOf(fed, HALF_LENGTH, "federation half"),
    };
  });
}

function pairedModule(fields: CborValue): PairedModule {
  const [uid, slotNumber, busId, half, label, ratedCapacity, ratedWatts] = tuple(fields, 7);
  return {
    uid: moduleUid(toHex(bytesOf(uid, UID_LENGTH, "uid"))),
    slot: slot(integerOf(slotNumber, "slot")),
    busId: byte(integerOf(busId, "bus id"), "bus id"),
    half: bytesOf(half, HALF_LENGTH, "module half"),
    label: textOf(label, "label"),
    ratedCapacity: milliwattHours(integerOf(ratedCapacity, "rated capacity")),
    ratedWatts: watts(integerOf(ratedWatts, "rated power")),
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

/** The same validators serve both ways; on the way in, what they refuse is the input's fault. */
function decoding<T>(what: string, bytes: Uint8Array, read: (fields: CborValue) => T): T {
  const fields = decodeCbor(bytes, { what });
  try {
    return read(fields);
  } catch (cause) {
    throw new DecodeError(what, 0, messageOf(cause), { cause });
  }
}

function checkVersion(version: CborValue | undefined): void {
  if (version !== VERSION) throw bad("the record's version is unknown");
}

function tuple(value: CborValue, length: number): readonly CborValue[] {
  if (!isList(value) || value.length !== length) throw bad(`a list of ${length} was expected`);
  return value;
}

function isList(value: CborValue | undefined): value is readonly CborValue[] {
  return Array.isArray(value);
}

function listOf(value: CborValue | undefined, what: string): readonly CborValue[] {
  if (!isList(value)) throw bad(`${what} is not a list`);
  return value;
}

function bytesOf(value: CborValue | undefined, length: number, what: string): Uint8Array {
  if (!(value instanceof Uint8Array)) throw bad(`${what} is not a byte string`);
  return sized(value, length, what);
}

function textOf(value: CborValue | undefined, what: string): string {
  if (typeof value !== "string") throw bad(`${what} is not text`);
  return value;
}

function integerOf(value: CborValue | undefined, what: string): number {
  if (typeof value !== "number") throw bad(`${what} is not an integer`);
  return value;
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

/** Whether the pack's custody holds the half that the record names. */
export function holdsPackHalf(pairing: PackPairing, publicKey: Uint8Array): boolean {
  return bytesEqual(pairing.packHalf.publicKey, publicKey);
}
