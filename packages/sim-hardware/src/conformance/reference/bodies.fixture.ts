/** Bodies as docs/firmware/messages.md gives them: this reads the page's own tables. */
import { readFileSync } from "node:fs";
import { hex, unhex } from "./crypto.fixture.js";
import type { Cls } from "./wire.fixture.js";

export const DOCS = new URL("../../../../../docs/firmware/", import.meta.url);

export interface Field {
  readonly name: string;
  readonly offset: number;
  /** Bytes, or bits of one byte. */
  readonly width: { readonly bytes: number } | { readonly from: number; readonly to: number };
  readonly kind: "number" | "bytes" | "zero";
  readonly factor: number;
  readonly add: number;
  readonly scaled: boolean;
}

export interface Body {
  readonly type: number;
  readonly name: string;
  readonly toPack: boolean;
  readonly cls: Cls;
  readonly length: number;
  readonly fields: readonly Field[];
}

const HEADING = /^### (\d+) (.+), (P→M|M→P), (urgent|normal|bulk), (\d+) bytes$/;
const SCALE = /^raw × ([\d.]+)(?: − ([\d.]+))?/;

function widthOf(type: string): Pick<Field, "width" | "kind"> {
  const number = /^u(\d+)$/.exec(type);
  if (number !== null) return { width: { bytes: Number(number[1]) / 8 }, kind: "number" };
  const bits = /^bits (\d)-(\d)$/.exec(type);
  if (bits !== null) {
    return { width: { from: Number(bits[1]), to: Number(bits[2]) }, kind: "number" };
  }
  const raw = /^(bytes|zero) (\d+)$/.exec(type);
  if (raw === null) throw new Error(`messages.md: what is a "${type}"?`);
  return { width: { bytes: Number(raw[2]) }, kind: raw[1] === "zero" ? "zero" : "bytes" };
}

function fieldOf(row: string): Field | undefined {
  const [, offset, type, name, value] = row.split("|").map((cell) => cell.trim());
  if (type === undefined || name === undefined || !/^\d+$/.test(offset ?? "")) return undefined;
  const scale = SCALE.exec(value ?? "");
  return {
    name,
    offset: Number(offset),
    ...widthOf(type),
    factor: scale === null ? 1 : Number(scale[1]),
    add: -Number(scale?.[2] ?? 0),
    scaled: scale !== null,
  };
}

/** A heading and the first table below it. */
function bodyOf(section: string): Body | undefined {
  const [first = "", ...lines] = section.split("\n");
  const heading = HEADING.exec(first);
  if (heading === null) return undefined;
  const [, type, name = "", way, cls, length] = heading;
  if (cls !== "urgent" && cls !== "normal" && cls !== "bulk") throw new Error(first);
  const start = lines.findIndex((line) => line.startsWith("| offset"));
  const end = lines.findIndex((line, i) => i > start && !line.startsWith("|"));
  const fields = lines.slice(start, end).flatMap((row) => fieldOf(row) ?? []);
  return { type: Number(type), name, toPack: way === "M→P", cls, length: Number(length), fields };
}

/** Every body of the page. */
export function readBodies(): readonly Body[] {
  const page = readFileSync(new URL("messages.md", DOCS), "utf8");
  return page.split(/^(?=#)/m).flatMap((section) => bodyOf(section) ?? []);
}

export type Values = Readonly<Record<string, number | string>>;

function rawOf(field: Field, bytes: Uint8Array): number {
  const { width, offset } = field;
  if ("from" in width)
    return ((bytes[offset] ?? 0) >> width.from) & (2 ** (width.to - width.from + 1) - 1);
  let raw = 0;
  for (let i = width.bytes - 1; i >= 0; i -= 1) raw = raw * 256 + (bytes[offset + i] ?? 0);
  return raw;
}

/** Physical values, bytes in hexadecimal; undefined for another length. */
export function readBody(body: Body, bytes: Uint8Array): Values | undefined {
  if (bytes.length !== body.length) return undefined;
  const values: Record<string, number | string> = {};
  for (const field of body.fields) {
    if (field.kind === "zero") continue;
    const { width, offset } = field;
    if (field.kind === "bytes" && "bytes" in width) {
      values[field.name] = hex(bytes.subarray(offset, offset + width.bytes));
    } else values[field.name] = rawOf(field, bytes) * field.factor + field.add;
  }
  return values;
}

export function writeBody(body: Body, values: Values): Uint8Array {
  const bytes = new Uint8Array(body.length);
  for (const field of body.fields) {
    const value = values[field.name];
    const { width, offset } = field;
    if (typeof value === "string") bytes.set(unhex(value), offset);
    else if (field.kind === "number") {
      let raw = Math.round(((value ?? 0) - field.add) / field.factor);
      if ("from" in width) bytes[offset] = (bytes[offset] ?? 0) | (raw << width.from);
      else {
        for (let i = 0; i < width.bytes; i += 1) {
          bytes[offset + i] = raw % 256;
          raw = Math.floor(raw / 256);
        }
      }
    }
  }
  return bytes;
}
