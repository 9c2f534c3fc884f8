/**
 * Frames on the line of a serial adapter: SLCAN, the ASCII of Lawicel's CAN232 and CANUSB, and for CAN FD that of
 * CANable 2. Hexadecimal digits throughout, the same form in both directions, ended by CR:
 *
 *     t iii l dd…         standard data frame        r iii l        standard remote frame
 *     T iiiiiiii l dd…    extended data frame        R iiiiiiii l   extended remote frame
 *     d, D                FD frame at one bit rate   b, B           FD frame with bit-rate switch
 *
 * l is the data length code. With time stamps (Z1) an adapter adds four digits: milliseconds of its minute.
 */
import { DecodeError, fromHex, toHex } from "@wattseal/base";
import type { CanFrame } from "../bus.js";
import { CanProtocolError } from "../errors.js";
import {
  CLASSIC_LENGTH,
  FD_LENGTHS,
  fdDlcOf,
  LARGEST_EXTENDED_ID,
  LARGEST_STANDARD_ID,
} from "../trace/record.js";
import { hexDigits } from "../trace/text.js";

/** Wider than CanFrame: adapters hear other buses too. */
export interface SlcanFrame {
  readonly kind: "classic" | "remote" | "fd" | "fd-brs";
  readonly id: number;
  readonly extended: boolean;
  /** As sent. */
  readonly dlc: number;
  readonly data: Uint8Array;
  /** Milliseconds of the adapter's minute, where it says so. */
  readonly stamp: number | undefined;
}

const WHAT = "SLCAN frame";
const FORM = /^(?:[trdb]([0-9A-Fa-f]{3})|[TRDB]([0-9A-Fa-f]{8}))([0-9A-Fa-f])([0-9A-Fa-f]*)$/;
const STAMP_DIGITS = 4;
const STAMP_END = 60_000;

/** One line, without its end. Throws DecodeError. */
export function decodeSlcanFrame(line: string): SlcanFrame {
  const [, standard, long = "", code = "", rest = ""] = FORM.exec(line) ?? [];
  if (code === "")
    throw refuse("is not a letter of trdb, 3 or 8 digits of identifier, length, data");
  const extended = standard === undefined;
  const id = Number.parseInt(standard ?? long, 16);
  if (id > (extended ? LARGEST_EXTENDED_ID : LARGEST_STANDARD_ID)) {
    throw refuse("its identifier has too many bits");
  }
  const kind = kindOf(line);
  const dlc = Number.parseInt(code, 16);
  return { kind, id, extended, dlc, ...contentOf(rest, 2 * lengthOf(kind, dlc)) };
}

function kindOf(line: string): SlcanFrame["kind"] {
  const letter = line.slice(0, 1).toLowerCase();
  if (letter === "d") return "fd";
  if (letter === "b") return "fd-brs";
  return letter === "r" ? "remote" : "classic";
}

function lengthOf(kind: SlcanFrame["kind"], dlc: number): number {
  if (kind === "fd" || kind === "fd-brs") return FD_LENGTHS[dlc] ?? 0;
  if (dlc > CLASSIC_LENGTH) throw refuse(`a classic frame has no length code ${dlc}`);
  return kind === "remote" ? 0 : dlc;
}

function contentOf(rest: string, digits: number): Pick<SlcanFrame, "data" | "stamp"> {
  if (rest.length !== digits && rest.length !== digits + STAMP_DIGITS) {
    throw refuse(`${rest.length} digits of data, not ${digits}`);
  }
  const stamp = rest.length === digits ? undefined : Number.parseInt(rest.slice(digits), 16);
  if (stamp !== undefined && stamp >= STAMP_END) throw refuse("its time stamp is above a minute");
  return { data: fromHex(rest.slice(0, digits), WHAT), stamp };
}

function refuse(problem: string): DecodeError {
  return new DecodeError(WHAT, 0, problem);
}

/** A frame of our bus as a line, without its end. Throws CanProtocolError for one that no wire can carry. */
export function encodeSlcanFrame({ id, data, fd }: CanFrame): string {
  const dlc = fdDlcOf(data.length);
  if (!Number.isInteger(id) || id < 0 || id > LARGEST_EXTENDED_ID || dlc === undefined) {
    throw new CanProtocolError("bad-frame", "usage", "no CAN frame has this identifier or length");
  }
  if (!fd && dlc > CLASSIC_LENGTH) {
    throw new CanProtocolError("bad-frame", "usage", "a classic frame has at most eight bytes");
  }
  return `${fd ? "B" : "T"}${hexDigits(id, 8)}${hexDigits(dlc, 1)}${toHex(data).toUpperCase()}`;
}

/** The frame as one of our bus, sharing its data; undefined where that has none such. */
export function busFrameOf({ kind, id, extended, data }: SlcanFrame): CanFrame | undefined {
  if (!extended || kind === "remote" || kind === "fd") return undefined;
  return { id, data, fd: kind === "fd-brs" };
}
