import {
  type Cancel,
  type Clock,
  type Entropy,
  type Logger,
  messageOf,
  millis,
  originOf,
  utf8,
} from "@wattseal/base";
import {
  connectProblem,
  type Destination,
  decodeRequest,
  encodeBatch,
  encodeResponse,
  type FleetName,
  type PackName,
  type PendingCheckpoints,
  type ResponseSource,
  type SenderEffect,
  type SenderStatus,
  takeResponse,
  topicOf,
  type UplinkCursors,
  UplinkSender,
} from "@wattseal/uplink";
import { connect, type MqttClient } from "mqtt";
import { reconnectMs } from "./reconnect.js";

/** How the broker knows this pack, beside its name. PEM texts. */
export interface BrokerAccess {
  readonly password?: string;
  readonly tls?: {
    /** Whose brokers are believed. */
    readonly ca: string;
    readonly cert?: string;
    readonly key?: string;
  };
}

export interface UplinkClientOptions {
  /** `mqtt://host:port` or `mqtts://…`. */
  readonly broker: string;
  readonly access: BrokerAccess | undefined;
  readonly fleet: FleetName;
  readonly pack: PackName;
  readonly destination: Destination;
  /** Only durable entries are asked for. */
  readonly log: ResponseSource & { readonly firstEntry: number };
  readonly pending: PendingCheckpoints;
  readonly cursors: UplinkCursors;
  /** The present epoch's evidence, retained on `epoch`; undefined while this run has begun none. */
  readonly epochEvidence: () => Uint8Array | undefined;
  /** The log accepts nothing any more: `state` then says `stopped`, not `online`. */
  readonly isStopped: () => boolean;
  /** Draws when to try to connect again. */
  readonly entropy: Entropy;
  /** Real time that only runs, also when the pack's is simulated: a clock that is set neither stalls nor hurries delivery. */
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called after a receipt moved the durable cursor. */
  readonly onWitnessed: (size: number) => void;
  /** A message of the order topic; `retained`: the broker had kept it. */
  readonly onOrder?: ((payload: Uint8Array, retained: boolean) => void) | undefined;
  /** A message of the status topic, which nobody subscribes to without this. */
  readonly onStatus?: ((payload: Uint8Array) => void) | undefined;
  /** Called as a message goes out; what it gives is called at the broker's PUBACK, if that comes. */
  readonly onPublish?: (() => () => void) | undefined;
}

const PARTING_MS = 1000;
const SUBSCRIBE_MS = 2000;
const MOST_SUBSCRIBE_MS = 300_000;

function sleepOn(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.at(millis(clock.now() + ms), resolve);
  });
}

/**
 * One destination of the uplink over MQTT 3.1.1, QoS 1. The sender machine decides what goes out; the log is
 * the outbox, so nothing is queued here and everything in flight is forgotten when the connection breaks.
 *
 * Trust: the broker and whoever can publish on our receipt topic are not trusted; a receipt counts only after
 * `UplinkCursors` has verified it under the pinned key against our own log.
 */
export class UplinkClient {
  readonly #options: UplinkClientOptions;
  readonly #sender: UplinkSender;
  readonly #topic: {
    readonly [channel in
      | "batch"
      | "head"
      | "epoch"
      | "state"
      | "receipt"
      | "request"
      | "response"
      | "order"
      | "status"]: string;
  };
  #client: MqttClient | undefined;
  #timer: Cancel | undefined;
  #subscribeAgain: Cancel | undefined;
  /** Until the next attempt after a refusal. */
  #subscribeMs = SUBSCRIBE_MS;
  #down = false;
  #receipts: Promise<void> = Promise.resolve();

  constructor(options: UplinkClientOptions) {
    const { fleet, pack, cursors, destination } = options;
    this.#options = options;
    this.#sender = new UplinkSender({
      witnessed: cursors.witnessed(destination.name),
      pending: options.pending,
    });
    this.#topic = {
      batch: topicOf(fleet, pack, "batch"),
      head: topicOf(fleet, pack, "head"),
      epoch: topicOf(fleet, pack, "epoch"),
      state: topicOf(fleet, pack, "state"),
      receipt: topicOf(fleet, pack, "receipt"),
      request: topicOf(fleet, pack, "request"),
      response: topicOf(fleet, pack, "response"),
      order: topicOf(fleet, pack, "order"),
      status: topicOf(fleet, pack, "status"),
    };
  }

  get status(): SenderStatus {
    return this.#sender.status(this.#options.clock.now());
  }

  start(): void {
    const { broker, access, pack, entropy } = this.#options;
    const client = connect(broker, {
      ...access?.tls,
      ...(access?.password === undefined ? {} : { password: access.password }),
      protocolVersion: 4,
      clean: false,
      clientId: pack,
      username: pack,
      resubscribe: false,
      reconnectPeriod: reconnectMs(entropy),
      will: { topic: this.#topic.state, payload: Buffer.from("offline"), qos: 1, retain: true },
    });
    this.#client = client;
    client.on("connect", () => this.#connected(client));
    client.on("close", () => {
      client.options.reconnectPeriod = reconnectMs(entropy);
      this.#failed("connection closed");
      this.#handle({ kind: "disconnected" });
    });
    client.on("error", (error) => this.#failed(connectProblem(error)));
    client.on("message", (topic, payload, { retain }) => this.#message(topic, payload, retain));
  }

  /** The log has a new signed checkpoint, durable in the pending list. */
  signed(): void {
    this.#handle({ kind: "signed" });
  }

  /** A new epoch signs from now on. */
  epochRenewed(): void {
    const evidence = this.#options.epochEvidence();
    if (evidence !== undefined) this.#publish(this.#topic.epoch, evidence, true);
  }

  /** What the retained `state` says while connected. */
  tellStanding(): void {
    this.#publish(this.#topic.state, utf8(this.#options.isStopped() ? "stopped" : "online"), true);
  }

  /** Says `offline`, and closes. What is not witnessed goes out at the next start. */
  async stop(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    this.#timer?.();
    this.#subscribeAgain?.();
    if (client === undefined) return;
    const parting = this.#part(client);
    await Promise.race([parting, sleepOn(this.#options.clock, PARTING_MS)]);
    await client.endAsync(true);
    await this.#receipts;
  }

  /** A broker that is gone may never answer: nobody waits for it longer than a moment. */
  async #part(client: MqttClient): Promise<void> {
    if (!client.connected) return;
    await client
      .publishAsync(this.#topic.state, "offline", { qos: 1, retain: true })
      .catch(() => {});
  }

  /** Once for each loss, however often reconnecting fails. */
  #failed(reason: string): void {
    if (this.#client === undefined || this.#down) return;
    this.#down = true;
    this.#options.logger.warn("uplink.down", { broker: this.#options.broker, reason });
  }

  #connected(client: MqttClient): void {
    this.#down = false;
    this.#options.logger.info("uplink.up", { broker: this.#options.broker });
    this.#subscribe(client);
  }

  /** On every connection: the broker may keep the session yet have lost this; doing it again costs nothing. */
  #subscribe(client: MqttClient): void {
    const topics = [this.#topic.receipt, this.#topic.request, this.#topic.order];
    client.subscribe(topics, { qos: 1 }, (error, _, answer) => {
      if (error) {
        // without an answer the connection went meanwhile: the next one subscribes again
        if (answer !== undefined) this.#refusedSubscription(client, error.message);
        return;
      }
      this.#subscribeMs = SUBSCRIBE_MS;
      this.#subscribeStatus(client);
      this.tellStanding();
      this.epochRenewed();
      this.#handle({ kind: "connected" });
    });
  }

  /** Apart from the others: a broker whose access rights are older than the channel refuses this one alone. */
  #subscribeStatus(client: MqttClient): void {
    const { onStatus, logger } = this.#options;
    if (onStatus === undefined) return;
    client.subscribe(this.#topic.status, { qos: 1 }, (error, _, answer) => {
      if (error && answer !== undefined)
        logger.warn("uplink.status-refused", { error: error.message });
    });
  }

  /** A broker without a right for us refuses for good; one whose cluster has no leader, as NATS, for a moment. */
  #refusedSubscription(client: MqttClient, error: string): void {
    const { logger, clock } = this.#options;
    logger.error("uplink.subscribe-refused", { error, againInMs: this.#subscribeMs });
    this.#subscribeAgain?.();
    this.#subscribeAgain = clock.at(millis(clock.now() + this.#subscribeMs), () => {
      if (this.#client === client && client.connected) this.#subscribe(client);
    });
    this.#subscribeMs = Math.min(2 * this.#subscribeMs, MOST_SUBSCRIBE_MS);
  }

  #message(topic: string, payload: Uint8Array, retained: boolean): void {
    if (topic === this.#topic.receipt) {
      this.#receipts = this.#receipts.then(() => this.#receipt(payload));
    } else if (topic === this.#topic.request) {
      this.#request(payload);
    } else if (topic === this.#topic.order) {
      this.#options.onOrder?.(payload, retained);
    } else if (topic === this.#topic.status) {
      this.#options.onStatus?.(payload);
    }
  }

  async #receipt(payload: Uint8Array): Promise<void> {
    const { cursors, destination, logger, onWitnessed } = this.#options;
    try {
      const { size, advanced } = await cursors.accept(destination.name, payload);
      this.#handle({ kind: "witnessed", size });
      if (!advanced) return;
      logger.debug("uplink.witnessed", { destination: destination.name, size });
      onWitnessed(size);
    } catch (error) {
      logger.error("uplink.receipt-refused", {
        destination: destination.name,
        error: messageOf(error),
      });
    }
  }

  #request(payload: Uint8Array): void {
    try {
      this.#handle({ kind: "request", request: decodeRequest(payload) });
    } catch (error) {
      this.#options.logger.warn("uplink.request-refused", { error: messageOf(error) });
    }
  }

  #handle(event: Parameters<UplinkSender["handle"]>[0]): void {
    const effects = this.#sender.handle(event, this.#options.clock.now());
    for (const effect of effects) {
      try {
        this.#perform(effect);
      } catch (error) {
        this.#acknowledged();
        // Delivery must not take recording down with it; the sender tries again by its own timer.
        this.#options.logger.error("uplink.send-failed", {
          effect: effect.kind,
          error: messageOf(error),
        });
      }
    }
    this.#timer?.();
    const deadline = this.#sender.deadline;
    this.#timer =
      deadline === undefined || this.#client === undefined
        ? undefined
        : this.#options.clock.at(millis(deadline), () => this.#handle({ kind: "tick" }));
  }

  #perform(effect: SenderEffect): void {
    const { log, pack } = this.#options;
    switch (effect.kind) {
      case "head":
        this.#send(this.#topic.head, utf8(effect.note), true);
        break;
      case "batch": {
        const leaves: Uint8Array[] = [];
        for (let i = effect.from; i < effect.to; i += 1) leaves.push(log.entry(i));
        const batch = {
          origin: originOf(pack),
          prevSize: effect.from,
          leaves,
          checkpoint: effect.note,
        };
        this.#send(this.#topic.batch, encodeBatch(batch), false);
        break;
      }
      case "response":
        // A federation that does not know this pack keeps no evidence for it: it comes with what needs it.
        this.epochRenewed();
        this.#send(
          this.#topic.response,
          encodeResponse(takeResponse(log, this.#held(effect))),
          false,
        );
        break;
      case "alarm":
        this.#options.logger.error(`uplink.${effect.code}`, { detail: effect.message });
        break;
    }
  }

  /** What was pruned is here no more: an answer that begins where the log does says so. */
  #held(effect: Extract<SenderEffect, { kind: "response" }>): typeof effect {
    const { firstEntry } = this.#options.log;
    return effect.from < firstEntry && firstEntry < effect.checkpoint.size
      ? { ...effect, from: firstEntry }
      : effect;
  }

  /** One of the sender's effects: it hears when the message takes no memory any more. */
  #send(topic: string, payload: Uint8Array, retain: boolean): void {
    this.#publish(topic, payload, retain, () => this.#acknowledged());
  }

  /** Not at once: what is being performed comes first. */
  #acknowledged(): void {
    queueMicrotask(() => this.#handle({ kind: "acknowledged" }));
  }

  /** `done`: at the PUBACK, across reconnects, or when the message is given up. */
  #publish(topic: string, payload: Uint8Array, retain: boolean, done = () => {}): void {
    const client = this.#client;
    // Never into the client's own offline queue: the sender starts again from the receipts instead.
    if (client === undefined || !client.connected) {
      done();
      return;
    }
    const { logger, onPublish } = this.#options;
    const acknowledged = onPublish?.();
    client.publish(topic, Buffer.from(payload), { qos: 1, retain }, (error) => {
      if (error) logger.warn("uplink.publish-failed", { topic, error: error.message });
      else acknowledged?.();
      done();
    });
  }
}
