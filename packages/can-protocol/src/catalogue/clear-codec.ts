/** Clear frames of deployed modules, to and from values. Nothing here is authenticated. */
import { DecodeError, type ModuleUid, moduleUid, toHex, viewOf } from "@wattseal/base";
import type { CanFrame } from "../bus.js";
import { CanProtocolError } from "../errors.js";
import { BROADCAST_ADDRESS, clearId, parseClearId, UNREGISTERED_ADDRESS } from "./clear-id.js";
import {
  type AddressKind,
  CLEAR_FRAMES,
  type ClearFrameName,
  type ClearFrameSpec,
  type ClearValues,
} from "./frames.js";

export type ClearMessage = {
  [N in ClearFrameName]: {
    readonly name: N;
    readonly address: number;
    readonly sequence: number;
    readonly values: ClearValues<N>;
  };
}[ClearFrameName];

export interface ClearOptions {
  /** Slot of the module that sends or is addressed; frames to or from all or unregistered modules know theirs. */
  readonly address?: number;
  readonly sequence?: number;
  /** For a peer with a quirk: one of the frame's accepted lengths. */
  readonly length?: number;
}

/** Throws CanProtocolError `field-range` for a value, or `bad-frame` for a length or address, that the frame does not have. */
export function encodeClear<N extends ClearFrameName>(
  name: N,
  values: ClearValues<N>,
  options: ClearOptions = {},
): CanFrame {
  const spec: ClearFrameSpec = CLEAR_FRAMES[name];
  const length = options.length ?? spec.lengths[0] ?? 0;
  if (!spec.lengths.includes(length)) throw bad(`${name} has no length of ${length}`);
  const address = addressFor(spec.address, options.address);
  if (!isAddress(spec.address, address)) throw bad(`${name} cannot have address ${address}`);
  const data = new Uint8Array(spec.layout.length);
  spec.layout.write(values, data);
  const id = clearId({ base: spec.base, sequence: options.sequence ?? 0, address });
  return { id, data: data.slice(0, length), fd: false };
}

/**
 * Undefined when the identifier is none of the catalogue's. Throws DecodeError for a length or an address
 * that the frame never has. Fields beyond a shorter accepted length read as zero.
 */
export function decodeClear(frame: CanFrame): ClearMessage | undefined {
  const { base, sequence, address } = parseClearId(frame.id);
  const name = NAMES.get(base);
  if (name === undefined) return undefined;
  const spec: ClearFrameSpec = CLEAR_FRAMES[name];
  if (frame.fd || !spec.lengths.includes(frame.data.length)) {
    throw new DecodeError(name, frame.data.length, "has a length that this frame never has");
  }
  if (!isAddress(spec.address, address)) throw new DecodeError(name, 0, "has an address of no use");
  const message = { name, address, sequence, values: spec.layout.read(frame.data) };
  if (!isClearMessage(message)) throw bad(`${name} has no layout`);
  return message;
}

/** The 8-byte unique id of a module from the fields of its announce: mfg ‖ part ‖ 0 ‖ 0 ‖ unique id u32le. */
export function uidOf(identity: {
  readonly manufacturer: number;
  readonly part: number;
  readonly unique: number;
}): ModuleUid {
  const bytes = new Uint8Array(8);
  bytes[0] = identity.manufacturer;
  bytes[1] = identity.part;
  viewOf(bytes).setUint32(4, identity.unique, true);
  return moduleUid(toHex(bytes));
}

function isName(name: string): name is ClearFrameName {
  return Object.hasOwn(CLEAR_FRAMES, name);
}
const NAMES: ReadonlyMap<number, ClearFrameName> = new Map(
  Object.entries(CLEAR_FRAMES).flatMap(([name, { base }]) => (isName(name) ? [[base, name]] : [])),
);

/** The values came from the layout of this very name. */
function isClearMessage(message: {
  readonly name: ClearFrameName;
  readonly values: object;
}): message is ClearMessage {
  return isName(message.name);
}

function addressFor(kind: AddressKind, given: number | undefined): number {
  if (given !== undefined) return given;
  if (kind === "module") throw bad("a module's frame needs its address");
  return kind === "broadcast" ? BROADCAST_ADDRESS : UNREGISTERED_ADDRESS;
}

function isAddress(kind: AddressKind, address: number): boolean {
  if (kind === "module") return address >= 1 && address <= 31;
  return address === (kind === "broadcast" ? BROADCAST_ADDRESS : UNREGISTERED_ADDRESS);
}

function bad(problem: string): CanProtocolError {
  return new CanProtocolError("bad-frame", "usage", problem);
}
