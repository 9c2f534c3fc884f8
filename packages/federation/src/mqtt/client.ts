/**
 * The fleet's topics over any MQTT 3.1.1 broker: persistent session, QoS 1, PUBACK only when the worker has settled the
 * message. The broker and whoever publishes through it can withhold, reorder and repeat messages; believed
 * are signatures alone.
 */
import type { Logger } from "@wattseal/base";
import {
  connectProblem,
  type FleetName,
  type PackName,
  parseTopic,
  topicFilter,
  topicOf,
} from "@wattseal/uplink";
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import { FederationError } from "../errors.js";
import {
  type BrokerAccount,
  type Delivery,
  type FleetPort,
  INGEST_CHANNELS,
  isIngest,
  type OutgoingChannel,
} from "../worker/ports.js";
import { AckWindow } from "./ack-window.js";

export interface MqttFleetOptions {
  /** mqtt:// or mqtts:// */
  readonly url: string;
  readonly fleet: FleetName;
  /** Names the persistent session: one per federation and broker. */
  readonly clientId: string;
  readonly account?: BrokerAccount;
  readonly logger: Logger;
  /** Milliseconds between attempts to connect. Default 1000. */
  readonly reconnectMs?: number;
}

const REFUSED_BY_BROKER = 128;
/** Receipts and requests that wait for the broker's PUBACK, at most: more would grow without limit in memory. */
const MAX_UNACKNOWLEDGED = 4096;

export class MqttFleet implements FleetPort {
  readonly #client: MqttClient;
  readonly #options: MqttFleetOptions;
  readonly #window: AckWindow;
  #unacknowledged = 0;

  /**
   * Resolves when the subscription first stands; however long the broker is away. Rejects with FederationError `broker`
   * when it refuses the subscription.
   */
  readonly ready: Promise<void>;

  private constructor(client: MqttClient, options: MqttFleetOptions, window: AckWindow) {
    this.#client = client;
    this.#options = options;
    this.#window = window;
    this.ready = this.#subscribed();
  }

  /** Connects and keeps connecting. Messages go to `deliver`; unknown topics are acknowledged and dropped. */
  static open(options: MqttFleetOptions, deliver: (delivery: Delivery) => void): MqttFleet {
    const client = mqtt.connect(options.url, clientOptions(options));
    const window = new AckWindow(client);
    const fleet = new MqttFleet(client, options, window);
    client.handleMessage = (packet, callback) => {
      const settle = window.take(packet, callback);
      const delivery = fleet.#deliveryOf(packet.topic, packet.payload, settle);
      if (delivery === undefined) settle();
      else deliver(delivery);
    };
    client.on("error", (error) => {
      options.logger.warn("federation.broker-error", { error: connectProblem(error) });
    });
    client.on("close", () => options.logger.debug("federation.broker-closed"));
    return fleet;
  }

  /** Sends at QoS 1 while the broker keeps up; else drops it: the pack will send again, and be answered again. */
  publish(pack: PackName, channel: OutgoingChannel, payload: Uint8Array): boolean {
    if (!this.#client.connected || this.#unacknowledged >= MAX_UNACKNOWLEDGED) return false;
    const topic = topicOf(this.#options.fleet, pack, channel);
    this.#unacknowledged += 1;
    this.#client.publish(topic, asBuffer(payload), { qos: 1 }, () => {
      this.#unacknowledged -= 1;
    });
    return true;
  }

  get connected(): boolean {
    return this.#client.connected;
  }

  /** Ends the connection; the session and what was not acknowledged stay with the broker. */
  async close(): Promise<void> {
    this.#window.close();
    await this.#client.endAsync(!this.#client.connected);
  }

  /** On every connect: a broker that reports a present session may still have lost its subscriptions. */
  #subscribed(): Promise<void> {
    const filters = INGEST_CHANNELS.map((channel) => topicFilter(this.#options.fleet, channel));
    return new Promise((resolve, reject) => {
      this.#client.on("connect", () => {
        this.#client.subscribe(filters, { qos: 1 }, (error, _, answer) => {
          if (error === null) resolve();
          // The connection went meanwhile: the next one subscribes again.
          else if (answer === undefined) {
            this.#options.logger.warn("federation.broker-error", { error: error.message });
          } else {
            const refused = filters.filter((_filter, i) => answer.granted[i] === REFUSED_BY_BROKER);
            const what = refused.join(", ");
            this.#options.logger.error("federation.subscribe-failed", { what });
            reject(new FederationError("broker", `the broker refuses to subscribe ${what}`));
          }
        });
      });
    });
  }

  #deliveryOf(topic: string, payload: Buffer | string, settle: () => void): Delivery | undefined {
    try {
      const { fleet, pack, channel } = parseTopic(topic);
      if (fleet !== this.#options.fleet || !isIngest(channel)) return undefined;
      const bytes = typeof payload === "string" ? Buffer.from(payload) : payload;
      return { pack, channel, payload: bytes, settle };
    } catch {
      return undefined;
    }
  }
}

function clientOptions(options: MqttFleetOptions): IClientOptions {
  const { clientId, reconnectMs } = options;
  const { username, password, tls } = options.account ?? {};
  return {
    clientId,
    protocolVersion: 4,
    clean: false,
    resubscribe: false,
    queueQoSZero: false,
    reconnectPeriod: reconnectMs ?? 1000,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls ?? {}),
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
