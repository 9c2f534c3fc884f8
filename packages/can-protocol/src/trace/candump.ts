/**
 * candump's log file (can-utils, `candump -l`), one line a record:
 *
 *     (1436509052.249713) vcan0 123#11223344        standard data frame: three digits of identifier
 *     (1436509052.449847) vcan0 18FF1234#R4         remote frame, extended, data length code 4
 *     (1436509052.650004) vcan0 12345678##1112233   FD frame: one digit of FD flags before the data
 *     (1436509052.650004) vcan0 20000080#0000000000000000   error frame: bit 29 and the error classes
 *
 * Also: `_B` after eight bytes is a raw data length code above 8; ` R` or ` T` at the end is the direction.
 */
import { DecodeError, fromHex, toHex, utf8 } from "@wattseal/base";
import type { TraceWriter } from "./codec.js";
import {
  CLASSIC_LENGTH,
  fdDlcOf,
  LARGEST_EXTENDED_ID,
  LARGEST_STANDARD_ID,
  type TraceRecord,
} from "./record.js";
import { hexDigits, microsOf, secondsText, traceTime } from "./text.js";

const WHAT = "candump line";
const LINE =
  /^\((\d{1,10})\.(\d{1,9})\)\s+([!-~]{1,32})\s+([0-9A-Fa-f]+)#(\S*)(?:\s+([RT])\b.*)?\s*$/;
const REMOTE = /^[Rr]([0-8]?)(?:_([9A-Fa-f]))?$/;
const CLASSIC = /^([0-9A-Fa-f.]*)(?:_([9A-Fa-f]))?$/;
const FD = /^#([0-9A-Fa-f])([0-9A-Fa-f.]*)$/;
const ERROR_FLAG = 0x20_00_00_00;

/** Blank lines and comments (`#`) hold no record. Throws DecodeError. */
export function decodeCandump(line: string): TraceRecord | undefined {
  if (line.trim() === "" || line.startsWith("#")) return undefined;
  const [, seconds = "", fraction = "", channel = "", idText = "", body = "", side] =
    LINE.exec(line) ?? [];
  if (idText === "") throw refuse("is not (seconds.fraction) interface id#data");
  const direction = side === undefined ? undefined : side === "T" ? "tx" : "rx";
  const time = traceTime(microsOf(seconds, fraction), WHAT);
  const identity = identityOf(idText);
  const common = { time, channel, direction } as const;
  if ("classes" in identity) {
    const [, hex] = CLASSIC.exec(body) ?? [];
    return { ...common, kind: "error", ...identity, data: dataOf(hex, CLASSIC_LENGTH) };
  }
  return { ...common, ...identity, ...contentOf(body) };
}

type Identity = { readonly id: number; readonly extended: boolean } | { readonly classes: number };

function identityOf(text: string): Identity {
  const id = Number.parseInt(text, 16);
  if (text.length === 3 && id <= LARGEST_STANDARD_ID) return { id, extended: false };
  if (text.length === 8 && id <= LARGEST_EXTENDED_ID) return { id, extended: true };
  if (text.length === 8 && id >= ERROR_FLAG && id <= ERROR_FLAG + LARGEST_EXTENDED_ID) {
    return { classes: id - ERROR_FLAG };
  }
  throw refuse(`"${text}" is not an identifier of 3 digits (11 bits) or 8 digits (29 bits)`);
}

function contentOf(body: string) {
  const remote = REMOTE.exec(body);
  if (remote !== null) return { kind: "remote", dlc: dlcOf(Number(remote[1]), remote[2]) } as const;
  const fd = FD.exec(body);
  if (fd !== null) {
    const data = dataOf(fd[2], 64);
    if (fdDlcOf(data.length) === undefined) throw refuse(`no FD frame has ${data.length} bytes`);
    return { kind: "fd", flags: Number.parseInt(fd[1] ?? "", 16), data } as const;
  }
  const classic = CLASSIC.exec(body);
  const data = dataOf(classic?.[1], CLASSIC_LENGTH);
  return { kind: "classic", dlc: dlcOf(data.length, classic?.[2]), data } as const;
}

function dlcOf(length: number, raw: string | undefined): number {
  if (raw === undefined) return length;
  if (length !== CLASSIC_LENGTH) throw refuse("a data length code above 8 means eight bytes");
  return Number.parseInt(raw, 16);
}

function dataOf(hex: string | undefined, longest: number): Uint8Array {
  if (hex === undefined) throw refuse("data is not hexadecimal");
  const data = fromHex(hex.replaceAll(".", ""), WHAT);
  if (data.length > longest) throw refuse(`${data.length} bytes of data, above ${longest}`);
  return data;
}

function refuse(problem: string): DecodeError {
  return new DecodeError(WHAT, 0, problem);
}

/** One line, without its end. */
function encodeCandump(record: TraceRecord): string {
  const side = record.direction === undefined ? "" : record.direction === "tx" ? " T" : " R";
  return `(${secondsText(record.time)}) ${record.channel} ${frameText(record)}${side}`;
}

function frameText(record: TraceRecord): string {
  if (record.kind === "error") {
    return `${hexDigits(ERROR_FLAG + record.classes, 8)}#${toHex(record.data).toUpperCase()}`;
  }
  const id = hexDigits(record.id, record.extended ? 8 : 3);
  if (record.kind === "fd") {
    return `${id}##${hexDigits(record.flags, 1)}${toHex(record.data).toUpperCase()}`;
  }
  const { dlc } = record;
  const raw = dlc > CLASSIC_LENGTH ? `_${hexDigits(dlc, 1)}` : "";
  if (record.kind === "classic") return `${id}#${toHex(record.data).toUpperCase()}${raw}`;
  return `${id}#R${dlc === 0 ? "" : Math.min(dlc, CLASSIC_LENGTH)}${raw}`;
}

export class CandumpWriter implements TraceWriter {
  begin(): Uint8Array {
    return new Uint8Array();
  }
  encode(record: TraceRecord): Uint8Array {
    return utf8(`${encodeCandump(record)}\n`);
  }
}
