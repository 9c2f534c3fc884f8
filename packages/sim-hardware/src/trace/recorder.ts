import type { Cancel, Micros } from "@wattseal/base";
import {
  type CanBus,
  errorContent,
  recordOf,
  stateContent,
  type TraceFormat,
  type TraceRecord,
} from "@wattseal/can-protocol";
import type { VirtualBus } from "../bus/virtual-bus.js";
import type { TimeReader } from "../time/kernel.js";
import { TraceFile, type TraceFileCounts } from "./file.js";

/** Writes what happens on a bus into trace files. Add it to the kernel as a reader: time waits for a slow disk. */
export class BusRecorder implements TimeReader {
  readonly #files: readonly TraceFile[];

  private constructor(files: readonly TraceFile[]) {
    this.#files = files;
  }

  /** Throws SimError `trace-file` when one of the files cannot be written. */
  static async open(
    files: readonly { readonly path: string; readonly format: TraceFormat }[],
  ): Promise<BusRecorder> {
    const opened: TraceFile[] = [];
    try {
      for (const { path, format } of files) opened.push(await TraceFile.open(path, format));
    } catch (error) {
      await Promise.allSettled(opened.map((file) => file.close()));
      throw error;
    }
    return new BusRecorder(opened);
  }

  /** Records every frame and every error frame of the wire, until called back. */
  tap(bus: VirtualBus, channel: string): Cancel {
    const cancelFrames = bus.tap((frame, time) => this.record(recordOf(frame, time, channel)));
    const cancelErrors = bus.tapErrors((kind, time) =>
      this.#recordError(errorContent({ kind, transmitting: false }), time, channel),
    );
    return () => {
      cancelFrames();
      cancelErrors();
    };
  }

  /** Records what one controller sees and sends, errors and states included, until called back. */
  listen(bus: CanBus, channel: string): Cancel {
    return bus.listen({
      frame: (frame, time) => this.record(recordOf(frame, time, channel, "rx")),
      sent: (frame, time) => this.record(recordOf(frame, time, channel, "tx")),
      error: (error, time) => this.#recordError(errorContent(error), time, channel),
      state: (state, time) => this.#recordError(stateContent(state), time, channel),
    });
  }

  record(record: TraceRecord): void {
    for (const file of this.#files) file.write(record);
  }

  ready(): Promise<void> | undefined {
    for (const file of this.#files) {
      const busy = file.ready();
      if (busy !== undefined) return busy;
    }
    return undefined;
  }

  /** Throws SimError `trace-file` when a file is incomplete, after all are closed. */
  async close(): Promise<readonly TraceFileCounts[]> {
    const closed = await Promise.allSettled(this.#files.map((file) => file.close()));
    return closed.map((one) => {
      if (one.status === "rejected") throw one.reason;
      return one.value;
    });
  }

  #recordError(content: ReturnType<typeof errorContent>, time: Micros, channel: string): void {
    this.record({ kind: "error", time, channel, direction: undefined, ...content });
  }
}
