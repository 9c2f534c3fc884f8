import { utf8 } from "@wattseal/base";
import {
  busFrameOf,
  type CanBus,
  type CanFrame,
  decodeSlcanFrame,
  encodeSlcanFrame,
  SLCAN_STATUS,
  slcanBitRate,
  slcanDataBitRate,
} from "@wattseal/can-protocol";
import type { BytePort } from "./port.js";

const DONE = "\r";
const REFUSED = "\x07";
const LONGEST_COMMAND = 200;
/** Frames that have not left, in order: by priority, segments of one PDU would overtake each other. */
const QUEUE_LENGTH = 16;

export interface SlcanAdapterOptions {
  /** What the adapter is a node of. */
  readonly bus: CanBus;
  /** The host's end of the line. */
  readonly port: BytePort;
  /** Answers nothing, as CANable's first firmware. Default false. */
  readonly mute?: boolean;
}

/** A serial adapter of a bus, as Lawicel's manual has it, with CANable 2's FD frames: what a host program sees of one. */
export class SlcanAdapter {
  readonly #bus: CanBus;
  readonly #port: BytePort;
  readonly #mute: boolean;
  #line = "";
  #rated = false;
  #isOpen = false;
  /** Z0 and X0 are how adapters leave the factory. */
  #pushes = false;
  #erred = false;
  #queue: CanFrame[] = [];

  constructor({ bus, port, mute = false }: SlcanAdapterOptions) {
    this.#bus = bus;
    this.#port = port;
    this.#mute = mute;
    bus.listen({
      frame: (frame) => {
        if (this.#isOpen && (this.#pushes || mute)) this.#write(`${encodeSlcanFrame(frame)}\r`);
      },
      sent: () => {
        this.#queue.shift();
        this.#offer();
      },
      error: () => {
        this.#erred = true;
      },
      state: (state) => {
        if (state === "bus-off") this.#queue = [];
      },
    });
    port.listen({ data: (chunk) => this.#take(chunk), end: () => bus.close() });
  }

  #take(chunk: Uint8Array): void {
    for (const byte of chunk) {
      if (byte !== 0x0d) {
        if (this.#line.length < LONGEST_COMMAND) this.#line += String.fromCharCode(byte);
        continue;
      }
      const answer = this.#obey(this.#line);
      this.#line = "";
      if (!this.#mute) this.#write(answer);
    }
  }

  #write(text: string): void {
    this.#port.write(utf8(text));
  }

  #obey(command: string): string {
    const { nominalBitRate, dataBitRate = 0 } = this.#bus.info;
    switch (command) {
      case "":
        return DONE;
      case "Z0":
        return this.#whenClosed(() => {});
      case "X0":
      case "X1":
        return this.#whenClosed(() => {
          this.#pushes = command === "X1";
        });
      case slcanBitRate(nominalBitRate):
        return this.#whenClosed(() => {
          this.#rated = true;
        });
      case slcanDataBitRate(dataBitRate):
        return this.#whenClosed(() => {});
      case "O":
        if (!this.#rated) return REFUSED;
        return this.#whenClosed(() => {
          this.#isOpen = true;
        });
      case "C":
        if (!this.#isOpen) return REFUSED;
        this.#isOpen = false;
        this.#queue = this.#queue.slice(0, 1);
        return DONE;
      case "F":
        return this.#isOpen ? this.#status() : REFUSED;
      default:
        return this.#transmit(command);
    }
  }

  #whenClosed(act: () => void): string {
    if (this.#isOpen) return REFUSED;
    act();
    return DONE;
  }

  /** One at a time. */
  #offer(): void {
    const [next] = this.#queue;
    if (next !== undefined) this.#bus.send(next);
  }

  #status(): string {
    const { state } = this.#bus;
    const flags =
      (state === "active" ? 0 : SLCAN_STATUS.warning) |
      (state === "passive" || state === "bus-off" ? SLCAN_STATUS.passive : 0) |
      (this.#erred ? SLCAN_STATUS.busError : 0);
    this.#erred = false;
    return `F${flags.toString(16).toUpperCase().padStart(2, "0")}${DONE}`;
  }

  #transmit(command: string): string {
    const frame = this.#isOpen ? frameIn(command) : undefined;
    if (frame === undefined || (frame.fd && this.#bus.info.dataBitRate === undefined))
      return REFUSED;
    if (this.#queue.length === QUEUE_LENGTH) return REFUSED;
    this.#queue.push(frame);
    if (this.#queue.length === 1) this.#offer();
    return this.#pushes ? `Z${DONE}` : DONE;
  }
}

function frameIn(command: string) {
  try {
    return busFrameOf(decodeSlcanFrame(command));
  } catch {
    return undefined;
  }
}
