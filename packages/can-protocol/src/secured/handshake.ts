/** What handshake frames carry beside Noise itself. */
import { concatBytes, DecodeError, fromHex, type ModuleUid, utf8, viewOf } from "@wattseal/base";
import type { CanFrame } from "../bus.js";
import { baseFor } from "./identifier.js";
import { segment } from "./segments.js";

export const LINK_VERSION = 1;
export const MESSAGE_1_LENGTH = 48;
export const MESSAGE_2_LENGTH = 64;
export const HELLO_LENGTH = 8;
const PAYLOAD_2_LENGTH = 16;
const NAME = utf8("wattseal-can-1");

export interface PrologueParts {
  /** 32 bytes. */
  readonly packHash: Uint8Array;
  readonly uid: ModuleUid;
  readonly slot: number;
  readonly busId: number;
}

/** `"wattseal-can-1" ‖ packHash(32) ‖ uid(8) ‖ slot(1) ‖ busId(1)`. */
export function prologue({ packHash, uid, slot, busId }: PrologueParts): Uint8Array {
  return concatBytes(NAME, packHash, fromHex(uid), Uint8Array.of(slot, busId));
}

export interface Message2Payload {
  readonly version: number;
  /** Bits of CAPABILITY. */
  readonly capabilities: number;
}

/** `version u8 ‖ capabilities u32le ‖ 11 zeros`. */
export function encodePayload2({ version, capabilities }: Message2Payload): Uint8Array {
  const payload = new Uint8Array(PAYLOAD_2_LENGTH);
  payload[0] = version;
  viewOf(payload).setUint32(1, capabilities, true);
  return payload;
}

/** Throws DecodeError for another length or non-zero rest. Any version is returned: the caller judges it. */
export function decodePayload2(payload: Uint8Array): Message2Payload {
  if (payload.length !== PAYLOAD_2_LENGTH) {
    throw new DecodeError("message 2 payload", payload.length, "has another length");
  }
  const version = payload[0] ?? 0;
  const stray = payload.subarray(5).findIndex((byte) => byte !== 0);
  if (version === LINK_VERSION && stray !== -1) {
    throw new DecodeError("message 2 payload", 5 + stray, "is not zero");
  }
  return { version, capabilities: viewOf(payload).getUint32(1, true) };
}

/** Message 1 or 2 as frames; the counter bits are the attempt's number. */
export function handshakeFrames(
  message: Uint8Array,
  direction: "to-module" | "to-pack",
  slot: number,
  attempt: number,
  fd: boolean,
): readonly CanFrame[] {
  return segment(message, baseFor("handshake", direction), slot, attempt, fd);
}

/** A module's request for a handshake: its uid in one frame. `count` tells one hello from the next. */
export function helloFrames(uid: ModuleUid, slot: number, count: number, fd: boolean) {
  return segment(fromHex(uid), baseFor("handshake", "to-pack"), slot, count, fd);
}
