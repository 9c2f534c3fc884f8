import { connect, type Socket } from "node:net";
import { type Cancel, type Clock, type Micros, messageOf } from "@wattseal/base";
import type { CanBus, CanFrame } from "@wattseal/can-protocol";
import { SimError } from "../errors.js";
import type { TimeReader } from "../time/kernel.js";
import { ClientBus } from "./client-bus.js";
import { ClientClock } from "./client-clock.js";
import { Outbox } from "./outbox.js";
import { type BusRecord, type FrameRecord, type InfoRecord, RecordStream } from "./record.js";

export interface BusConnection {
  readonly bus: CanBus;
  /** The server's time. Its tasks run while the connection lives. */
  readonly clock: Clock;
  /** Holds the server's time while `ready` has a promise outstanding. */
  addReader(reader: TimeReader): Cancel;
  /** Leaves the bus; idempotent. */
  close(): void;
  /** Settles with the reason when the connection is over, whoever ended it; never rejects. */
  readonly done: Promise<string>;
}

/**
 * Joins the bus that a BusServer serves at `path`, at its present time. Listeners and tasks set up before the
 * next turn of the event loop miss nothing.
 *
 * Trust: the server is the bus and the time; it can show any frame at any time.
 *
 * Throws SimError `bus-socket` when nobody answers, `bus-record` when what answers is not a bus.
 */
export async function connectBus(path: string): Promise<BusConnection> {
  const socket = await open(path);
  const info = await firstRecord(socket, path);
  return new Connection(socket, info);
}

function open(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("connect", () => resolve(socket));
    socket.once("error", (cause) => {
      const message = `bus socket ${path}: ${messageOf(cause)}`;
      reject(new SimError("bus-socket", "hardware", message, { cause }));
    });
  });
}

interface FirstRecord {
  readonly info: InfoRecord;
  readonly stream: RecordStream;
  /** What came in the same piece. */
  readonly following: BusRecord[];
}

function firstRecord(socket: Socket, path: string): Promise<FirstRecord> {
  const stream = new RecordStream();
  const records: BusRecord[] = [];
  return new Promise((resolve, reject) => {
    const fail = (problem: string) => {
      socket.destroy();
      reject(new SimError("bus-record", "peer", `bus socket ${path}: ${problem}`));
    };
    const ended = () => fail("closed before saying what it is");
    socket.once("close", ended);
    socket.on("data", function receive(chunk) {
      try {
        stream.push(chunk, (record) => {
          records.push(record);
        });
      } catch (error) {
        fail(messageOf(error));
        return;
      }
      const [info, ...following] = records;
      if (info === undefined) return;
      socket.off("data", receive).off("close", ended).pause();
      if (info.kind === "info") resolve({ info, stream, following });
      else fail(info.kind === "closing" ? info.reason : `begins with a ${info.kind} record`);
    });
  });
}

class Connection implements BusConnection {
  readonly bus: ClientBus;
  readonly clock: ClientClock;
  readonly done: Promise<string>;
  readonly #socket: Socket;
  readonly #outbox: Outbox;
  readonly #stream: RecordStream;
  readonly #readers = new Set<TimeReader>();
  #settle: (reason: string) => void = () => {};
  #granted: Micros;
  /** While a grant is being worked on, its acknowledgement carries everything. */
  #working = true;
  #flushing = false;
  #over = false;

  constructor(socket: Socket, first: FirstRecord) {
    const { info } = first;
    this.#socket = socket;
    this.#stream = first.stream;
    this.#outbox = new Outbox(socket);
    this.#granted = info.time;
    this.clock = new ClientClock(info.time, () => this.#tellDeadline());
    this.bus = new ClientBus(
      info.bus,
      info.mailboxes,
      (frame) => this.#send(frame),
      () => this.close(),
    );
    this.done = new Promise((resolve) => {
      this.#settle = resolve;
    });
    socket.on("error", (error) => this.#end(messageOf(error)));
    socket.on("close", () => this.#end("the simulator is gone"));
    setImmediate(() => {
      for (const record of first.following) this.#handle(record);
      socket.on("data", (chunk) => this.#receive(chunk));
      socket.resume();
    });
  }

  addReader(reader: TimeReader): Cancel {
    this.#readers.add(reader);
    return () => {
      this.#readers.delete(reader);
    };
  }

  close(): void {
    this.#end("closed here");
  }

  #end(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#socket.destroy();
    this.bus.lost(this.#granted);
    this.#settle(reason);
  }

  #receive(chunk: Uint8Array): void {
    const records: BusRecord[] = [];
    let malformed: string | undefined;
    try {
      this.#stream.push(chunk, (record) => {
        records.push(record);
      });
    } catch (error) {
      malformed = messageOf(error);
    }
    for (const record of records) this.#handle(record);
    if (malformed !== undefined) this.#end(malformed);
  }

  #handle(record: BusRecord): void {
    if (this.#over) return;
    switch (record.kind) {
      case "frame":
        this.#working = true;
        this.clock.advance(record.time);
        this.#deliver(record);
        return;
      case "error":
        this.#working = true;
        this.clock.advance(record.time);
        this.bus.fail(record.error, record.time);
        return;
      case "state":
        this.#working = true;
        this.clock.advance(record.time);
        this.bus.enter(record.state, record.time);
        return;
      case "grant":
        this.#working = true;
        this.#granted = record.time;
        this.clock.advance(record.time);
        this.#acknowledge().catch((error) => this.#end(messageOf(error)));
        return;
      case "closing":
        this.#end(record.reason);
        return;
      case "info":
      case "acknowledge":
        this.#end(`a server does not send ${record.kind} records here`);
    }
  }

  #deliver({ frame, sent, time }: FrameRecord): void {
    if (!sent) this.bus.receive(frame, time);
    else if (!this.bus.complete(frame, time)) this.#end("reports a frame sent that never was");
  }

  async #acknowledge(): Promise<void> {
    for (let busy = this.#busy(); busy !== undefined; busy = this.#busy()) await busy;
    this.#working = false;
    if (this.#over) return;
    this.#tellDeadline();
    this.#outbox.flush();
  }

  #busy(): Promise<void> | undefined {
    for (const reader of this.#readers) {
      const busy = reader.ready(this.#granted);
      if (busy !== undefined) return busy;
    }
    return undefined;
  }

  #send(frame: CanFrame): void {
    this.#outbox.put({ kind: "frame", frame, sent: false, time: this.#granted });
    this.#flushSoon();
  }

  #tellDeadline(): void {
    if (this.#working) return;
    const { deadline } = this.clock;
    this.#outbox.put({ kind: "acknowledge", deadline, time: this.#granted });
    this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#working || this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      if (!this.#over) this.#outbox.flush();
    });
  }
}
