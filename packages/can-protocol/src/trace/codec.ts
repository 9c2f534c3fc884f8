import { DecodeError } from "@wattseal/base";
import type { TraceRecord } from "./record.js";

/** Problems kept with their place; the rest are counted. */
const PROBLEMS_KEPT = 100;

export interface TraceProblem {
  /** Line of a text file, or packet of a pcap file, from 1. */
  readonly place: number;
  readonly problem: string;
}

/** What could not be used of a file: not fatal, never silent. */
export class TraceProblems {
  readonly #first: TraceProblem[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }
  /** The first hundred. */
  get first(): readonly TraceProblem[] {
    return this.#first;
  }

  add(place: number, problem: string): void {
    this.#count += 1;
    if (this.#first.length < PROBLEMS_KEPT) this.#first.push({ place, problem });
  }

  /** Runs `decode`; a DecodeError becomes a problem at `place`. */
  during(place: number, decode: () => void): void {
    try {
      decode();
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.add(place, error.message);
    }
  }
}

type Take = (record: TraceRecord) => void;

/**
 * Reads a trace piece by piece, holding back less than one line or packet. A record shares no memory with the
 * pieces.
 */
export interface TraceReader {
  readonly problems: TraceProblems;
  /** Throws DecodeError when the file is not of this format at all. */
  push(chunk: Uint8Array, take: Take): void;
  /** The file has ended; throws as `push`. */
  end(take: Take): void;
}

/** Makes the bytes of a trace, record by record. */
export interface TraceWriter {
  /** What the file begins with, before any record. */
  begin(): Uint8Array;
  /** What to append; undefined when the format cannot hold this record. */
  encode(record: TraceRecord): Uint8Array | undefined;
}
