/** The catalogue as a DBC file: what Vector's tools, cantools, SavvyCAN and others read. */
import { CanProtocolError } from "../errors.js";
import { BROADCAST_ADDRESS, clearId, UNREGISTERED_ADDRESS } from "./clear-id.js";
import { CLEAR_FRAMES, type ClearFrameSpec, type Direction } from "./frames.js";
import type { Field } from "./layout.js";

export interface DbcOptions {
  /** One message for each of these module ids (1 to 31), instead of one for all with the id left zero. */
  readonly modules?: readonly number[];
}

/** Identifiers of 29 bits have bit 31 set in a DBC file. */
const EXTENDED = 0x8000_0000;
/** No module has it: stands for all of them. */
const ANY_MODULE = 0;

/** Who sends and who receives, as nodes. */
const NODES: Readonly<Record<Direction, { readonly from: string; readonly to: string }>> = {
  "P→M": { from: "Pack", to: "Module" },
  "M→P": { from: "Module", to: "Pack" },
  "S→P": { from: "Shunt", to: "Pack" },
  both: { from: "Vector__XXX", to: "Pack,Module" },
};

const ABOUT =
  "The module bus as deployed, and the pack's shunt: 29-bit identifiers, base << 18 | sequence << 8 | module id, little-endian. " +
  "Messages whose name ends in no module id stand for every module: their identifier has module id 0; " +
  "mask bits 0-7 of a received identifier. Messages in segments have sequence 0: mask bits 8-17.";

interface Message {
  readonly id: number;
  readonly name: string;
  readonly spec: ClearFrameSpec;
}

/**
 * A DBC file of every frame in CLEAR_FRAMES. DBC knows whole identifiers only, and these hold address bits: a
 * message to or from one module is given once with module id 0, or once for each id in `modules`; the file says
 * which. Throws CanProtocolError `field-range` for an id that is none.
 */
export function exportDbc({ modules }: DbcOptions = {}): string {
  for (const id of modules ?? []) {
    if (Number.isInteger(id) && id >= 1 && id <= 31) continue;
    throw new CanProtocolError("field-range", "usage", `${id} is not a module id (1 to 31)`);
  }
  const ids = [...new Set(modules)].sort((a, b) => a - b);
  const messages = Object.entries(CLEAR_FRAMES).flatMap(([name, spec]) =>
    messagesOf(pascalCase(name), spec, ids),
  );
  const lines = [
    'VERSION ""',
    "",
    "NS_ :",
    "",
    "BS_:",
    "",
    "BU_: Pack Module Shunt",
    "",
    ...messages.flatMap(messageLines),
    `CM_ ${quoted(ABOUT)};`,
    ...messages.flatMap(commentLines),
    'BA_DEF_ BO_  "GenMsgCycleTime" INT 0 65535;',
    'BA_DEF_ BO_  "VFrameFormat" ENUM  "StandardCAN","ExtendedCAN";',
    'BA_DEF_DEF_  "GenMsgCycleTime" 0;',
    'BA_DEF_DEF_  "VFrameFormat" "ExtendedCAN";',
    ...messages.flatMap(cycleLines),
    ...messages.flatMap(valueLines),
  ];
  return `${lines.join("\n")}\n`;
}

function messagesOf(name: string, spec: ClearFrameSpec, ids: readonly number[]): Message[] {
  const at = (address: number) => clearId({ base: spec.base, sequence: 0, address }) + EXTENDED;
  switch (spec.address) {
    case "broadcast":
      return [{ id: at(BROADCAST_ADDRESS), name, spec }];
    case "unregistered":
      return [{ id: at(UNREGISTERED_ADDRESS), name, spec }];
    case "module":
      if (ids.length === 0) return [{ id: at(ANY_MODULE), name, spec }];
      return ids.map((id) => ({
        id: at(id),
        name: `${name}_M${String(id).padStart(2, "0")}`,
        spec,
      }));
  }
}

function messageLines({ id, name, spec }: Message): string[] {
  const { from, to } = NODES[spec.direction];
  const signals = Object.entries(spec.fields).map(([field, layout]) => signal(field, layout, to));
  return [`BO_ ${id} ${name}: ${spec.layout.length} ${from}`, ...signals, ""];
}

/** `@1` is little-endian, `+` unsigned; a start bit then is the lowest one, as in our layouts. */
function signal(name: string, field: Field, to: string): string {
  const { at, width, scale } = field;
  const { multiply, add, divide } = scale ?? { multiply: 1, add: 0, divide: 1 };
  const highest = 2n ** BigInt(width) - 1n;
  const highestValue =
    scale === undefined ? `${highest}` : `${(Number(highest) * multiply + add) / divide}`;
  const range = `[${add / divide}|${highestValue}]`;
  const unit = scale?.unit ?? field.unit ?? "";
  return ` SG_ ${name} : ${at}|${width}@1+ (${multiply / divide},${add / divide}) ${range} "${unit}"  ${to}`;
}

function commentLines({ id, spec }: Message): string[] {
  const more = [spec.text];
  if (spec.segmented) more.push("identifier bits 8-17 are the segment (0 here)");
  if (spec.lengths.length > 1) more.push(`lengths ${spec.lengths.join(" or ")}`);
  const notes = Object.entries(spec.fields).flatMap(([name, { note }]) =>
    note === undefined ? [] : [`CM_ SG_ ${id} ${name} ${quoted(note)};`],
  );
  return [`CM_ BO_ ${id} ${quoted(more.join("; "))};`, ...notes];
}

function cycleLines({ id, spec }: Message): string[] {
  return spec.cycleMs === undefined ? [] : [`BA_ "GenMsgCycleTime" BO_ ${id} ${spec.cycleMs};`];
}

function valueLines({ id, spec }: Message): string[] {
  return Object.entries(spec.fields).flatMap(([name, { names }]) => {
    if (names === undefined) return [];
    const values = Object.entries(names).map(([value, label]) => `${value} ${quoted(label)}`);
    return [`VAL_ ${id} ${name} ${values.join(" ")} ;`];
  });
}

function pascalCase(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', "'")}"`;
}
