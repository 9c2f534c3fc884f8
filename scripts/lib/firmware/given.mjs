/** What the worked session starts from. Published, so worthless as secrets: for benches and tests only. */
import { moduleUid, slot, toHex } from "@wattseal/base";
import { CAPABILITY } from "@wattseal/can-protocol";
import { DeviceHalf } from "@wattseal/device-keys";

/** 32 bytes that count up, so that a swapped order shows. @param {number} first */
const counting = (first) => Uint8Array.from({ length: 32 }, (_, i) => (first + i) & 0xff);

export const SECRET = {
  pack: counting(0x10),
  module: counting(0x30),
  packEphemeral: counting(0x50),
  moduleEphemeral: counting(0x70),
  federation: counting(0x90),
  /** The half that a key-roll brings. */
  nextPack: counting(0xd0),
};

/** @param {Uint8Array} secret */
export const half = (secret) => DeviceHalf.fromSecret(secret);
/** @param {Uint8Array} secret */
export const publicOf = (secret) => half(secret).publicKey;

export const PACK_HASH = counting(0xb0);
/** Manufacturer 0x57, part 0x01, unique id 0x12345678. */
export const UID = moduleUid("5701000078563412");
export const SLOT = slot(5);
export const BUS_ID = 1;
export const CAPABILITIES =
  CAPABILITY.cellDetail | CAPABILITY.logFrames | CAPABILITY.counterStatement | CAPABILITY.keyRoll;
/** 2026-01-01T00:00:00Z: the pack's clock when it first speaks. */
export const START_MS = 1_767_225_600_000;
/** The module's tick at START_MS. */
export const TICK_AT_START = 60_000;
export const BOOT = 0x0102;

/** What commissioning leaves at both ends; the conformance runner takes this file as `--pairing`. */
export function benchPairing() {
  return {
    note: "Published test keys. Never leave them in a product.",
    packHash: toHex(PACK_HASH),
    packSecret: toHex(SECRET.pack),
    packHalf: toHex(publicOf(SECRET.pack)),
    federationSecret: toHex(SECRET.federation),
    federationHalf: toHex(publicOf(SECRET.federation)),
    modules: [
      {
        uid: UID,
        slot: SLOT,
        busId: BUS_ID,
        secret: toHex(SECRET.module),
        half: toHex(publicOf(SECRET.module)),
      },
    ],
  };
}
