import { utf8 } from "@wattseal/base";
import { formatAscDate } from "./asc-date.js";
import type { TraceWriter } from "./codec.js";
import { FD_FLAG, type FdRecord, fdDlcOf, type TraceRecord } from "./record.js";
import { hexDigits, secondsText } from "./text.js";

const FLAG = { fdf: 0x10_00, brs: 0x20_00, esi: 0x40_00 } as const;
const NAME_COLUMN = " ".repeat(33);

/**
 * Writes ASC in the columns of can-utils' log2asc. Times count from the whole second of the first record, which
 * is the header's date, in UTC. What it cannot hold: a record of before that second, and what an error frame
 * says. An interface is a channel by its trailing number: can0 and vcan0 are channel 1.
 */
export class AscWriter implements TraceWriter {
  /** µs. */
  #start: number | undefined;

  begin(): Uint8Array {
    return new Uint8Array();
  }

  encode(record: TraceRecord): Uint8Array | undefined {
    const first = this.#start === undefined;
    this.#start ??= record.time - (record.time % 1_000_000);
    if (record.time < this.#start) return undefined;
    const time = secondsText(record.time - this.#start).padStart(11);
    const line = `${time} ${eventText(record)}\n`;
    return utf8(first ? headerText(this.#start) + line : line);
  }
}

function headerText(start: number): string {
  const date = formatAscDate(start / 1000);
  return `date ${date}\nbase hex  timestamps absolute\nno internal events logged\n`;
}

function eventText(record: TraceRecord): string {
  if (record.kind === "fd") return fdText(record);
  const channel = String(channelOf(record.channel)).padEnd(2);
  if (record.kind === "error") return `${channel} ErrorFrame`;
  const head = `${channel} ${idText(record).padEnd(15)} ${sideOf(record).padEnd(4)}`;
  const dlc = hexDigits(record.dlc, 1);
  return record.kind === "remote" ? `${head} r ${dlc}` : `${head} d ${dlc}${dataText(record.data)}`;
}

function fdText(record: FdRecord): string {
  const { data } = record;
  const brs = (record.flags & FD_FLAG.brs) !== 0;
  const esi = (record.flags & FD_FLAG.esi) !== 0;
  const flags = FLAG.fdf | (brs ? FLAG.brs : 0) | (esi ? FLAG.esi : 0);
  const dlc = (fdDlcOf(data.length) ?? 0).toString(16);
  const head = `CANFD ${String(channelOf(record.channel)).padStart(3)} ${sideOf(record).padEnd(4)}`;
  const bits = `${brs ? 1 : 0} ${esi ? 1 : 0} ${dlc} ${String(data.length).padStart(2)}`;
  // Duration and length on the wire are not known here.
  const tail = `${"0".padStart(8)} ${"0".padStart(4)} ${hexDigits(flags, 0).padStart(8)} 0 0 0 0 0`;
  return `${head} ${idText(record).padStart(9)} ${NAME_COLUMN}${bits}${dataText(data)} ${tail}`;
}

function idText({ id, extended }: { readonly id: number; readonly extended: boolean }): string {
  return `${hexDigits(id, 1)}${extended ? "x" : " "}`;
}

const sideOf = (record: TraceRecord) => (record.direction === "tx" ? "Tx" : "Rx");

function dataText(data: Uint8Array): string {
  let text = "";
  for (const byte of data) text += ` ${hexDigits(byte, 2)}`;
  return text;
}

function channelOf(name: string): number {
  const number = Number(/(\d{1,3})$/.exec(name)?.[1] ?? 0) + 1;
  return number <= 255 ? number : 1;
}
