import { DecodeError, messageOf } from "@wattseal/base";
import { decodeSlcanFrame, type SlcanFrame } from "./frame.js";

/** What an adapter says. */
export type SlcanReply =
  /** CR alone, or z or Z, which some say to a frame that was taken. */
  | { readonly kind: "done" }
  /** BEL. */
  | { readonly kind: "refused" }
  /** SLCAN_STATUS bits. */
  | { readonly kind: "status"; readonly flags: number }
  | { readonly kind: "frame"; readonly frame: SlcanFrame }
  /** Anything else in printable characters: versions, serial numbers, boot messages. */
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "malformed"; readonly problem: string };

/** Answer to F, as Lawicel defines it. Each is told once: reading clears what is over. */
export const SLCAN_STATUS = {
  receiveFull: 0x01,
  transmitFull: 0x02,
  warning: 0x04,
  overrun: 0x08,
  passive: 0x20,
  arbitrationLost: 0x40,
  busError: 0x80,
} as const;

/** Above the longest frame, which has 142 characters. */
const LONGEST_LINE = 256;
const CR = 0x0d;
const LF = 0x0a;
const BEL = 0x07;

/** Cuts an adapter's bytes, in whatever pieces they come, into replies. Holds one line at most; never throws. */
export class SlcanReader {
  #line = "";
  #tooLong = false;

  push(chunk: Uint8Array, take: (reply: SlcanReply) => void): void {
    for (const byte of chunk) {
      if (byte === BEL) {
        // Ends nothing: what stood before it was cut short.
        if (this.#line !== "" || this.#tooLong) take(this.#broken());
        take({ kind: "refused" });
      } else if (byte === CR) take(this.#finish());
      else if (byte !== LF) this.#hold(byte);
    }
  }

  #hold(byte: number): void {
    if (this.#line.length === LONGEST_LINE) this.#tooLong = true;
    else this.#line += String.fromCharCode(byte);
  }

  #broken(): SlcanReply {
    const problem = this.#tooLong ? `longer than ${LONGEST_LINE} characters` : "cut short by BEL";
    this.#line = "";
    this.#tooLong = false;
    return { kind: "malformed", problem };
  }

  #finish(): SlcanReply {
    if (this.#tooLong) return this.#broken();
    const line = this.#line;
    this.#line = "";
    return replyOf(line);
  }
}

function replyOf(line: string): SlcanReply {
  if (line === "" || line === "z" || line === "Z") return { kind: "done" };
  if (/^F[0-9A-Fa-f]{2}$/.test(line)) {
    return { kind: "status", flags: Number.parseInt(line.slice(1), 16) };
  }
  if (/^[trdbTRDB][0-9A-Fa-f]/.test(line)) return frameReply(line);
  if (/^[ -~]+$/.test(line)) return { kind: "text", text: line };
  return { kind: "malformed", problem: "not in printable characters" };
}

function frameReply(line: string): SlcanReply {
  try {
    return { kind: "frame", frame: decodeSlcanFrame(line) };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return { kind: "malformed", problem: messageOf(error) };
  }
}
