import { DecodeError } from "@wattseal/base";
import type { PduClass } from "../link/types.js";
import { type BodySpec, MODULE_BODIES } from "./bodies.js";
import type { ModuleMessage, PackMessage } from "./messages.js";
import { PACK_BODIES } from "./pack-bodies.js";

/** A message as its PDU carries it. */
export interface InnerPdu {
  readonly class: PduClass;
  readonly type: number;
  readonly body: Uint8Array;
}

type Reader<M> = Pick<BodySpec<unknown>, "class" | "length"> & { read(body: Uint8Array): M };

function readersOf<M>(specs: Readonly<Record<string, Reader<M> & { type: number }>>) {
  const readers: (Reader<M> | undefined)[] = [];
  for (const spec of Object.values(specs)) readers[spec.type] = spec;
  return readers;
}
const moduleReaders = readersOf<ModuleMessage>(MODULE_BODIES);
const packReaders = readersOf<PackMessage>(PACK_BODIES);

/** Whether this version knows the type from pack to module. */
export const isPackType = (type: number) => packReaders[type] !== undefined;

/** A message of the module. Throws DecodeError for an unknown type, another class than the type's, a wrong length or value. */
export function decodeModuleMessage(cls: PduClass, type: number, body: Uint8Array): ModuleMessage {
  return read(moduleReaders, cls, type, body);
}

/** A message of the pack; throws as `decodeModuleMessage` does. */
export function decodePackMessage(cls: PduClass, type: number, body: Uint8Array): PackMessage {
  return read(packReaders, cls, type, body);
}

/** Throws CanProtocolError `field-range` for a value that its field cannot hold. */
export function encodeModuleMessage(message: ModuleMessage): InnerPdu {
  return write(MODULE_BODIES[message.kind], message);
}

/** Throws CanProtocolError `field-range` for a value that its field cannot hold. */
export function encodePackMessage(message: PackMessage): InnerPdu {
  return write(PACK_BODIES[message.kind], message);
}

function read<M>(
  readers: readonly (Reader<M> | undefined)[],
  cls: PduClass,
  type: number,
  body: Uint8Array,
): M {
  const spec = readers[type];
  if (spec === undefined) throw new DecodeError("inner type", 0, `${type} is unknown this way`);
  if (spec.class !== cls)
    throw new DecodeError("inner type", 0, `${type} does not travel as ${cls}`);
  if (body.length !== spec.length) {
    throw new DecodeError("inner body", body.length, `of type ${type} has ${spec.length} bytes`);
  }
  return spec.read(body);
}

function write<M>(
  spec: {
    type: number;
    class: PduClass;
    length: number;
    write(message: M, body: Uint8Array): void;
  },
  message: M,
): InnerPdu {
  const body = new Uint8Array(spec.length);
  spec.write(message, body);
  return { class: spec.class, type: spec.type, body };
}
