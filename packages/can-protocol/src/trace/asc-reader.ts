/**
 * Vector ASC, the text logs of CANalyzer, CANoe and many others: a header, then one event a line.
 *
 *     date Sat Sep 30 15:06:13.191 2017
 *     base hex  timestamps absolute
 *        3.098426 1  18EBFF00x       Rx   d 8 01 A0 0F A6 60 3B D1 40  Length = 273910 BitCount = 141
 *        3.100000 1  123             Tx   r 4
 *        3.200000 1  ErrorFrame
 *        3.300000 CANFD   2 Rx        123  Name   1 0 9 12 11 22 …  130000  130  3000 0 0 0 0 0
 *
 * A CANFD line: bit-rate switch, error state, data length code, data length, data, duration, bits, flags.
 * Events that are no frames (statistics, triggers, other buses) are passed over. The date has no time zone; it
 * is taken as UTC. An ErrorFrame's details depend on the tool: only that there was an error is kept.
 */
import { DecodeError, type Micros } from "@wattseal/base";
import { parseAscDate } from "./asc-date.js";
import { BARE_ERROR_CLASSES } from "./losses.js";
import {
  CLASSIC_LENGTH,
  FD_FLAG,
  fdDlcOf,
  LARGEST_EXTENDED_ID,
  LARGEST_STANDARD_ID,
  type TraceRecord,
} from "./record.js";
import { microsOf, traceTime } from "./text.js";

const WHAT = "ASC line";
const HEADER = /^(\/\/|(no )?internal events logged|begin triggerblock|end triggerblock)/i;
const BASE = /^base\s+(hex|de[cz])\s+timestamps\s+(absolute|relative)\b/i;
const TIMED = /^(\d{1,10})\.(\d{1,9})\s+(\S.*)$/;
/** Directions of frames that were on the wire; TxRq is a wish. */
const DIRECTION = { Rx: "rx", Tx: "tx" } as const;
const FLAG = { remote: 0x10, fd: 0x10_00 } as const;

interface Origin {
  readonly time: Micros;
  readonly channel: string;
  readonly direction: "rx" | "tx" | undefined;
}

export class AscDecoder {
  #hex = true;
  #relative = false;
  /** µs: the date, or with relative time stamps the event before. */
  #base = 0;

  /** Throws DecodeError. */
  decode(line: string): TraceRecord | undefined {
    const text = line.trim();
    const timed = TIMED.exec(text);
    if (timed === null) {
      this.#takeHeader(text);
      return undefined;
    }
    const [, seconds = "", fraction = "", event = ""] = timed;
    const time = this.#base + microsOf(seconds, fraction);
    if (this.#relative) this.#base = time;
    const words = event.split(/\s+/);
    if (words[0] === "CANFD") return decodeFd(words, traceTime(time, WHAT));
    const channel = channelOf(words[0]);
    return channel === undefined ? undefined : this.#decodeClassic(words, time, channel);
  }

  #takeHeader(text: string): void {
    if (text === "" || HEADER.test(text)) return;
    const base = BASE.exec(text);
    if (base !== null) {
      this.#hex = base[1]?.toLowerCase() === "hex";
      this.#relative = base[2]?.toLowerCase() === "relative";
    } else if (/^date\s/i.test(text)) {
      const date = parseAscDate(text.slice("date".length));
      if (date === undefined) throw refuse("is not a date");
      this.#base = date * 1000;
    } else throw refuse("is neither an event with its time nor part of a header");
  }

  #decodeClassic(words: readonly string[], time: number, channel: string): TraceRecord | undefined {
    const [, name = "", side = "", kind = "", dlcText = "", ...rest] = words;
    if (name === "") throw refuse("ends after the channel");
    const origin = { time: traceTime(time, WHAT), channel };
    if (name === "ErrorFrame") {
      const data = new Uint8Array(CLASSIC_LENGTH);
      return { ...origin, direction: undefined, kind: "error", classes: BARE_ERROR_CLASSES, data };
    }
    const looksLikeFrame = kind === "d" || kind === "r" || /^[0-9a-f]+x?$/i.test(name);
    if (!looksLikeFrame || side === "TxRq") return undefined;
    const identity = identityOf(name, this.#hex ? 16 : 10);
    const common = { ...origin, direction: directionOf(side), ...identity };
    if (kind === "r") {
      // Tools of before version 8.5 leave the code out; what follows then is `Length = …`.
      return { ...common, kind: "remote", dlc: /^[0-9a-f]$/i.test(dlcText) ? dlcOf(dlcText) : 0 };
    }
    if (kind !== "d") throw refuse(`"${kind}" is neither d nor r`);
    const dlc = dlcOf(dlcText);
    const data = dataOf(rest, Math.min(dlc, CLASSIC_LENGTH), this.#hex ? 16 : 10);
    return { ...common, kind: "classic", dlc, data };
  }
}

function decodeFd(words: readonly string[], time: Micros): TraceRecord | undefined {
  const [, channelText, side = "", name = ""] = words;
  if (side === "TxRq" || name === "ErrorFrame") return undefined;
  const channel = channelOf(channelText);
  if (channel === undefined) throw refuse("has no channel");
  const origin: Origin = { time, channel, direction: directionOf(side) };
  // A symbolic name may stand after the identifier.
  const at = /^[01]$/.test(words[4] ?? "") ? 4 : 5;
  const [brs = "", esi = "", dlcText = "", lengthText = ""] = words.slice(at, at + 4);
  if (!/^[01]$/.test(brs) || !/^[01]$/.test(esi))
    throw refuse("lacks bit-rate switch and error state");
  const dlc = dlcOf(dlcText);
  const length = /^\d{1,2}$/.test(lengthText) ? Number(lengthText) : -1;
  if (fdDlcOf(length) === undefined) throw refuse(`no such data length: ${lengthText}`);
  const data = dataOf(words.slice(at + 4), length, 16);
  const common = { ...origin, ...identityOf(name, 16) };
  const flags = flagsOf(words[at + 4 + length + 2]);
  if ((flags & FLAG.remote) !== 0) return { ...common, kind: "remote", dlc };
  const fd = (flags & FLAG.fd) !== 0 || brs === "1" || length > CLASSIC_LENGTH;
  if (!fd) return { ...common, kind: "classic", dlc: dlcFor(dlc, length), data };
  const fdFlags = (brs === "1" ? FD_FLAG.brs : 0) | (esi === "1" ? FD_FLAG.esi : 0);
  return { ...common, kind: "fd", flags: fdFlags, data };
}

/** asc2log's names: channel 1 is can0. Undefined when the word is no channel. */
function channelOf(word: string | undefined): string | undefined {
  const number = /^\d{1,3}$/.test(word ?? "") ? Number(word) : 0;
  return number === 0 ? undefined : `can${number - 1}`;
}

function directionOf(word: string): "rx" | "tx" {
  if (word === "Rx" || word === "Tx") return DIRECTION[word];
  throw refuse(`"${word}" is neither Rx nor Tx`);
}

function identityOf(word: string, base: 10 | 16) {
  const extended = /x$/i.test(word);
  const digits = extended ? word.slice(0, -1) : word;
  const id = numberOf(digits, base);
  if (id === undefined || id > (extended ? LARGEST_EXTENDED_ID : LARGEST_STANDARD_ID)) {
    throw refuse(`"${word}" is not an identifier of 11 bits, nor of 29 followed by x`);
  }
  return { id, extended };
}

/** One hexadecimal digit, whatever the base. */
function dlcOf(word: string): number {
  if (!/^[0-9a-f]$/i.test(word)) throw refuse(`"${word}" is not a data length code`);
  return Number.parseInt(word, 16);
}

function dlcFor(dlc: number, length: number): number {
  if (Math.min(dlc, CLASSIC_LENGTH) !== length)
    throw refuse(`data length code ${dlc} of ${length} bytes`);
  return dlc;
}

function dataOf(words: readonly string[], length: number, base: 10 | 16): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => {
    const byte = numberOf(words[i] ?? "", base);
    if (byte === undefined || byte > 255)
      throw refuse(`byte ${i} of the data is "${words[i] ?? ""}"`);
    return byte;
  });
}

/** Zero when the line ends before them: what there is of it is a frame all the same. */
const flagsOf = (word: string | undefined) => numberOf(word ?? "", 16) ?? 0;

function numberOf(digits: string, base: 10 | 16): number | undefined {
  const pattern = base === 16 ? /^[0-9a-f]{1,8}$/i : /^\d{1,9}$/;
  return pattern.test(digits) ? Number.parseInt(digits, base) : undefined;
}

function refuse(problem: string): DecodeError {
  return new DecodeError(WHAT, 0, problem);
}
