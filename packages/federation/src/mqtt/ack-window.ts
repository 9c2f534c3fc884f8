/**
 * Acknowledging later than mqtt.js does. Its `customHandleAcks` and the callback of `handleMessage` delay the PUBACK but
 * every other packet with it, one message at a time; so the callback is told to send none, and the PUBACK goes
 * out here: on the connection that brought the message, since after a reconnect its id may be another message's.
 */
import type { MqttClient } from "mqtt";

type Packet = Parameters<MqttClient["handleMessage"]>[0];
type Callback = Parameters<MqttClient["handleMessage"]>[1];

/** MQTT 3.1.1 §3.4: fixed header of a PUBACK, remaining length 2. */
const PUBACK = [0x40, 0x02] as const;
const MAX_MESSAGES = 512;
const MAX_BYTES = 33_554_432;
const NO_PUBACK = new Error("acknowledged when it is stored");

export class AckWindow {
  readonly #client: MqttClient;
  #messages = 0;
  #bytes = 0;
  #paused: (() => void) | undefined;
  #closed = false;

  constructor(client: MqttClient) {
    this.#client = client;
  }

  /** Lets reading go on while there is room. The returned function acknowledges, once. */
  take(packet: Packet, callback: Callback): () => void {
    const { messageId } = packet;
    const bytes = packet.payload.length;
    const stream = this.#client.stream;
    this.#messages += 1;
    this.#bytes += bytes;
    const proceed = () => callback(NO_PUBACK);
    if (this.#isFull()) this.#paused = proceed;
    else proceed();
    let settled = false;
    return () => {
      if (settled) return;
      settled = true;
      this.#messages -= 1;
      this.#bytes -= bytes;
      if (packet.qos === 1 && messageId !== undefined && !this.#closed && stream.writable) {
        stream.write(Uint8Array.of(...PUBACK, messageId >> 8, messageId & 0xff));
      }
      this.#resume();
    };
  }

  close(): void {
    this.#closed = true;
  }

  #isFull(): boolean {
    return this.#messages >= MAX_MESSAGES || this.#bytes >= MAX_BYTES;
  }

  #resume(): void {
    if (this.#isFull()) return;
    const paused = this.#paused;
    this.#paused = undefined;
    paused?.();
  }
}
