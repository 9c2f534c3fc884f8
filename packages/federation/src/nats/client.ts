/**
 * The fleet's topics over NATS JetStream: any number of workers pull from one durable consumer of what nats-server's MQTT
 * listeners took in. A message is acknowledged when the worker has settled it, terminated when it is of no use, kept
 * from others while it is in work, and given back at the end. Whoever publishes there can withhold, reorder and
 * repeat messages; believed are signatures alone.
 */
import type { Consumer, ConsumerMessages, JsMsg } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { type Cancel, type Clock, type Logger, messageOf, millis } from "@wattseal/base";
import { connectProblem, type FleetName, type PackName } from "@wattseal/uplink";
import type { BrokerAccount, Delivery, FleetPort, OutgoingChannel } from "../worker/ports.js";
import { readRetained } from "./retained.js";
import { Room } from "./room.js";
import { boundMessages, openPlace, type Place } from "./stream.js";
import { senderOf, subjectOf, topicIn } from "./subjects.js";

export interface NatsFleetOptions {
  /** `host:port` each; any node of the cluster will do, all of them are better. */
  readonly servers: readonly string[];
  readonly fleet: FleetName;
  /** Refuse a server without TLS. */
  readonly secure: boolean;
  readonly account?: BrokerAccount;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Milliseconds between attempts. Default 1000. */
  readonly reconnectMs?: number;
  /**
   * A message that is not settled, and not said to be in work for so many milliseconds, goes to another worker. Default
   * 30,000; of the fleet's consumer, so whoever made that has decided.
   */
  readonly ackWaitMs?: number;
}

const ACK_WAIT_MS = 30_000;
/** Until the streams are looked at again where they could not be bounded: the right to may be given without a new start. */
const UNBOUNDED_MS = 60_000;
/** A server that answers neither of two pings is taken for gone: half a minute, where the client's own default is six. */
const LIVENESS = { pingInterval: 10_000, maxPingOut: 2 } as const;

/** One pull waits so long for messages; without a sign of life for twice the heartbeat it is given up. */
const PULL = { expires: 5_000, idle_heartbeat: 1_000 } as const;
/**
 * Time for another worker's pull, or this one's next start: nats-server 2.9 leaves what is given back while nobody pulls until
 * the acknowledgement's wait is over.
 */
const GIVEN_BACK_MS = 1_000;
/** Receipts and requests that the server has not read, at most: more would grow without limit in memory. */
const MAX_UNREAD = 4096;

export class NatsFleet implements FleetPort {
  readonly ready: Promise<void>;
  readonly #options: NatsFleetOptions;
  readonly #deliver: (delivery: Delivery) => void;
  readonly #room = new Room();
  readonly #unsettled = new Set<JsMsg>();
  readonly #running: Promise<void>;
  #connection: NatsConnection | undefined;
  #pull: ConsumerMessages | undefined;
  #connected = false;
  #unread = 0;
  #closed = false;
  /** Ends the wait that is going on. */
  #wake: (() => void) | undefined;
  #working: Cancel | undefined;
  #bounding: Cancel | undefined;

  private constructor(options: NatsFleetOptions, deliver: (delivery: Delivery) => void) {
    this.#options = options;
    this.#deliver = deliver;
    let opened = () => {};
    this.ready = new Promise((resolve) => {
      opened = resolve;
    });
    this.#running = this.#run(opened);
  }

  /** Connects and keeps connecting. */
  static open(options: NatsFleetOptions, deliver: (delivery: Delivery) => void): NatsFleet {
    return new NatsFleet(options, deliver);
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** Reaches the pack if it is connected, at QoS 0: what it misses it is sent again, for sending again itself. */
  publish(pack: PackName, channel: OutgoingChannel, payload: Uint8Array): boolean {
    const connection = this.#connection;
    if (connection === undefined || !this.#connected || this.#unread >= MAX_UNREAD) return false;
    connection.publish(subjectOf(this.#options.fleet, pack, channel), payload);
    this.#unread += 1;
    if (this.#unread === 1) void this.#read(connection);
    return true;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#working?.();
    this.#bounding?.();
    this.#wake?.();
    this.#room.open();
    this.#pull?.stop();
    await this.#running;
    const connection = this.#connection;
    if (connection === undefined || connection.isClosed()) return;
    // The pull is gone before its messages are given back, or the server gives them to it again.
    if (this.#connected) await connection.flush().catch(() => {});
    for (const message of this.#unsettled) message.nak(GIVEN_BACK_MS);
    this.#unsettled.clear();
    if (this.#connected) await connection.flush().catch(() => {});
    await connection.close();
  }

  async #run(opened: () => void): Promise<void> {
    this.#connection = await this.#insist(() => this.#connect());
    const place = await this.#insist(() => this.#openPlace());
    if (place === undefined) return;
    await this.#bound(place);
    opened();
    this.#keepWorking();
    await this.#insist(() => this.#retained(place));
    while (!this.#closed) await this.#insist(() => this.#take(place.consumer));
  }

  #link(): NatsConnection {
    const connection = this.#connection;
    if (connection === undefined) throw new Error("not connected");
    return connection;
  }

  #openPlace(): Promise<Place> {
    const { fleet, ackWaitMs = ACK_WAIT_MS } = this.#options;
    return openPlace(this.#link(), fleet, ackWaitMs);
  }

  /**
   * nats-server makes the stream of what is retained with its first MQTT client, which may come long after this start; and who
   * starts first may find a cluster without a leader.
   */
  async #bound(place: Place, isSaid = false): Promise<void> {
    const { logger, reconnectMs = 1000 } = this.#options;
    try {
      if (!(await boundMessages(place))) this.#boundLater(place, reconnectMs, isSaid);
    } catch (error) {
      if (this.#closed) return;
      if (!isSaid) logger.warn("federation.broker-unbounded", { error: problemOf(error) });
      this.#boundLater(place, UNBOUNDED_MS, true);
    }
  }

  #boundLater(place: Place, ms: number, isSaid: boolean): void {
    const { clock } = this.#options;
    if (this.#closed) return;
    this.#bounding = clock.at(millis(clock.now() + ms), () => {
      void this.#bound(place, isSaid);
    });
  }

  /** Until it succeeds; undefined when closed meanwhile. */
  async #insist<T>(attempt: () => Promise<T>): Promise<T | undefined> {
    const { logger } = this.#options;
    while (!this.#closed) {
      try {
        return await attempt();
      } catch (error) {
        if (this.#closed) return undefined;
        logger.warn("federation.broker-error", { error: problemOf(error) });
        await this.#pause();
      }
    }
    return undefined;
  }

  #pause(): Promise<void> {
    const { clock, reconnectMs = 1000 } = this.#options;
    return new Promise((resolve) => {
      const cancel = clock.at(millis(clock.now() + reconnectMs), resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }

  async #connect(): Promise<NatsConnection> {
    const { servers, fleet, secure, account = {}, reconnectMs = 1000 } = this.#options;
    const { username, password, tls } = account;
    const connection = await connect({
      servers: [...servers],
      name: `wattseal-federation-${fleet}`,
      maxReconnectAttempts: -1,
      reconnectTimeWait: reconnectMs,
      ...LIVENESS,
      ignoreAuthErrorAbort: true,
      ...(username === undefined ? {} : { user: username }),
      ...(password === undefined ? {} : { pass: password }),
      ...(secure ? { tls: tls ?? {} } : {}),
    });
    this.#connected = true;
    void this.#watch(connection);
    return connection;
  }

  async #watch(connection: NatsConnection): Promise<void> {
    const { logger } = this.#options;
    for await (const status of connection.status()) {
      if (status.type === "disconnect") {
        this.#connected = false;
        this.#unread = 0;
        this.#pull?.stop();
        logger.warn("federation.broker-closed", { server: status.server });
      } else if (status.type === "reconnect") {
        this.#connected = true;
        logger.info("federation.broker-up", { server: status.server });
        this.#wake?.();
      } else if (status.type === "error") {
        logger.warn("federation.broker-error", { error: problemOf(status.error) });
      }
    }
    this.#connected = false;
  }

  /** What was published counts as unread until the server answers what came after it. */
  async #read(connection: NatsConnection): Promise<void> {
    while (this.#unread > 0 && this.#connected) {
      const asked = this.#unread;
      await connection.flush().catch(() => {});
      this.#unread = Math.max(0, this.#unread - asked);
    }
  }

  async #retained(place: Place): Promise<void> {
    for await (const { topic, payload } of readRetained(place)) {
      const sender = senderOf(this.#options.fleet, topic);
      if (sender === undefined) continue;
      await this.#room.free();
      if (this.#closed) return;
      this.#deliver({ ...sender, payload, settle: this.#taken(payload) });
    }
  }

  /** One pull. */
  async #take(consumer: Consumer): Promise<void> {
    if (!this.#connected) return this.#pause();
    const max_messages = await this.#room.free();
    if (this.#closed) return;
    const pull = await consumer.fetch({ ...PULL, max_messages });
    this.#pull = pull;
    if (this.#closed) pull.stop();
    for await (const message of pull) this.#message(message);
  }

  #message(message: JsMsg): void {
    const { data } = message;
    const sender = senderOf(this.#options.fleet, topicIn(message.subject));
    if (sender === undefined) {
      message.term();
      return;
    }
    this.#unsettled.add(message);
    const release = this.#taken(data);
    const settle = (verdict?: "refused") => {
      release();
      if (!this.#unsettled.delete(message)) return;
      if (verdict === "refused") message.term();
      else message.ack();
    };
    this.#deliver({ ...sender, payload: data, settle });
  }

  #taken({ length }: Uint8Array): () => void {
    this.#room.take(length);
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#room.release(length);
    };
  }

  /** While the store cannot commit, what it holds up must not go to another worker as if it were lost. */
  #keepWorking(): void {
    const { clock, ackWaitMs = ACK_WAIT_MS } = this.#options;
    this.#working = clock.at(millis(clock.now() + Math.floor(ackWaitMs / 3)), () => {
      if (this.#connected) for (const message of this.#unsettled) message.working();
      this.#keepWorking();
    });
  }
}

function problemOf(error: unknown): string {
  if (!(error instanceof Error)) return messageOf(error);
  if (error.message === "timeout") {
    return "JetStream does not answer: too few of its nodes are up, or they have not found a leader yet";
  }
  return connectProblem(error.cause instanceof Error ? error.cause : error);
}
