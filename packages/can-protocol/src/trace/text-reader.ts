import { TraceProblems, type TraceReader } from "./codec.js";
import type { TraceRecord } from "./record.js";

/** Several times the longest line that a 64-byte frame makes. */
const LONGEST_LINE = 4096;
const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** One line of a format; undefined when it holds no record and need not. Throws DecodeError. */
export type LineDecoder = (line: string) => TraceRecord | undefined;

/** Cuts bytes into lines and decodes each: a line that is malformed or too long is a problem of its own. */
export class TextReader implements TraceReader {
  readonly problems = new TraceProblems();
  readonly #decode: LineDecoder;
  // What counts in these formats is ASCII. One byte, one character: no byte sequence is an error here.
  readonly #text = new TextDecoder("latin1");
  readonly #held = new Uint8Array(LONGEST_LINE);
  #length = 0;
  #tooLong = false;
  #line = 1;

  constructor(decode: LineDecoder) {
    this.#decode = decode;
  }

  push(chunk: Uint8Array, take: (record: TraceRecord) => void): void {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      this.#hold(chunk.subarray(from, end));
      this.#finishLine(take);
      from = end + 1;
    }
    this.#hold(chunk.subarray(from));
  }

  end(take: (record: TraceRecord) => void): void {
    this.#finishLine(take);
  }

  #hold(part: Uint8Array): void {
    if (this.#length + part.length > LONGEST_LINE) this.#tooLong = true;
    if (this.#tooLong) return;
    this.#held.set(part, this.#length);
    this.#length += part.length;
  }

  #finishLine(take: (record: TraceRecord) => void): void {
    if (this.#tooLong) this.problems.add(this.#line, `longer than ${LONGEST_LINE} bytes`);
    else this.problems.during(this.#line, () => this.#decodeLine(take));
    this.#length = 0;
    this.#tooLong = false;
    this.#line += 1;
  }

  #decodeLine(take: (record: TraceRecord) => void): void {
    const end = this.#held[this.#length - 1] === CARRIAGE_RETURN ? this.#length - 1 : this.#length;
    const record = this.#decode(this.#text.decode(this.#held.subarray(0, end)));
    if (record !== undefined) take(record);
  }
}
