import type { Socket } from "node:net";
import { type BusRecord, encodeRecord, RECORD_BYTES } from "./record.js";

/** Collects records and writes them in one piece. Lockstep bounds what can pile up. */
export class Outbox {
  readonly #socket: Socket;
  #records: Uint8Array[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  put(record: BusRecord): void {
    this.#records.push(encodeRecord(record));
  }

  flush(): void {
    if (this.#records.length === 0) return;
    const piece = new Uint8Array(RECORD_BYTES * this.#records.length);
    this.#records.forEach((record, i) => {
      piece.set(record, i * RECORD_BYTES);
    });
    this.#records = [];
    if (this.#socket.writable) this.#socket.write(piece);
  }
}
