import { type FileHandle, open } from "node:fs/promises";
import { setImmediate as nextTurn } from "node:timers/promises";
import { messageOf } from "@wattseal/base";
import {
  type TraceFormat,
  type TraceRecord,
  type TraceWriter,
  traceWriter,
} from "@wattseal/can-protocol";
import { SimError } from "../errors.js";

/** Bytes not yet written from which on the writer should wait. */
const HOLD_BYTES = 1024 * 1024;
/** Beyond this, records of a bus that cannot wait are dropped. */
const MOST_BYTES = 8 * HOLD_BYTES;

export interface TraceFileCounts {
  readonly path: string;
  readonly records: number;
  /** Records that the format cannot hold. */
  readonly leftOut: number;
  /** Records that came faster than the disk took them, from a bus that could not be made to wait. */
  readonly dropped: number;
}

/** A trace being written. Not flushed against a power cut. */
export class TraceFile {
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #writer: TraceWriter;
  #parts: Uint8Array[] = [];
  #waiting = 0;
  #writing: Promise<void> | undefined;
  #failure: unknown;
  #records = 0;
  #leftOut = 0;
  #dropped = 0;

  private constructor(path: string, handle: FileHandle, writer: TraceWriter) {
    this.#path = path;
    this.#handle = handle;
    this.#writer = writer;
    this.#append(writer.begin());
  }

  /** Replaces a file of that name. Throws SimError `trace-file`. */
  static async open(path: string, format: TraceFormat): Promise<TraceFile> {
    try {
      return new TraceFile(path, await open(path, "w"), traceWriter(format));
    } catch (cause) {
      const message = `${path} cannot be written: ${messageOf(cause)}`;
      throw new SimError("trace-file", "usage", message, { cause });
    }
  }

  /** Whether the file has it now; otherwise the counts say why not. */
  write(record: TraceRecord): boolean {
    if (this.#failure !== undefined) return false;
    const bytes = this.#writer.encode(record);
    if (bytes === undefined) this.#leftOut += 1;
    else if (this.#waiting + bytes.length > MOST_BYTES) this.#dropped += 1;
    else {
      this.#records += 1;
      this.#append(bytes);
      return true;
    }
    return false;
  }

  /** A promise while so much waits for the disk that nothing more should be written. Never rejects. */
  ready(): Promise<void> | undefined {
    return this.#waiting < HOLD_BYTES ? undefined : this.#writing;
  }

  /** Throws SimError `trace-file` when something could not be written. */
  async close(): Promise<TraceFileCounts> {
    await this.#writing;
    await this.#handle.close();
    if (this.#failure !== undefined) {
      const message = `${this.#path} is incomplete: ${messageOf(this.#failure)}`;
      throw new SimError("trace-file", "hardware", message, { cause: this.#failure });
    }
    return {
      path: this.#path,
      records: this.#records,
      leftOut: this.#leftOut,
      dropped: this.#dropped,
    };
  }

  #append(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    this.#waiting += bytes.length;
    this.#writing ??= this.#drain();
  }

  async #drain(): Promise<void> {
    try {
      while (this.#parts.length > 0) {
        // What is recorded in one turn is written in one piece.
        await nextTurn();
        const piece = Buffer.concat(this.#parts);
        this.#parts = [];
        await this.#handle.appendFile(piece);
        this.#waiting -= piece.length;
      }
    } catch (error) {
      this.#failure = error;
      this.#parts = [];
      this.#waiting = 0;
    }
    this.#writing = undefined;
  }
}
