// A gateway's sender and a federation's worker with a link between them that takes its time, in virtual time.
import { silentLogger, utf8 } from "@wattseal/base";
import { FederationWorker } from "@wattseal/federation";
import { unverifiedCheckpoint } from "@wattseal/tlog";
import {
  decodeRequest,
  encodeBatch,
  encodeResponse,
  takeResponse,
  UplinkSender,
} from "@wattseal/uplink";
import { authority, receiptLog, witness } from "./recorded.mjs";

/** MQTT's header with our topics, and its PUBACK. */
const PUBLISH_BYTES = 90;
const PUBACK_BYTES = 4;
/** IPv4, TCP with time stamps, and a TLS 1.3 record around what fits into an Ethernet frame. */
const SEGMENT_BYTES = 1_400;
const SEGMENT_HEADERS = 74;

/** @typedef {{ readonly oneWayMs: number, readonly bitsPerSecond: number }} LinkShape */

/** One direction: messages leave one after the other, at the link's pace, and arrive later. */
class Direction {
  bytes = 0;
  #freeAt = 0;
  #time;
  #shape;

  /**
   * @param {import("./virtual-time.mjs").VirtualTime} time
   * @param {LinkShape} shape
   */
  constructor(time, shape) {
    this.#time = time;
    this.#shape = shape;
  }

  /**
   * @param {number} length of the payload
   * @param {() => void} arrived
   */
  send(length, arrived) {
    const { oneWayMs, bitsPerSecond } = this.#shape;
    const bytes = length + SEGMENT_HEADERS * Math.ceil(length / SEGMENT_BYTES);
    this.bytes += bytes;
    this.#freeAt = Math.max(this.#freeAt, this.#time.exact) + (8_000 * bytes) / bitsPerSecond;
    this.#time.at(this.#freeAt + oneWayMs, arrived);
  }
}

export class SlowLink {
  /** ms: when a head of this size was there. @type {Map<number, number>} */
  headAt = new Map();
  /** Leaves sent, those that were sent again too. */
  leaves = 0;
  requests = 0;
  witnessed = 0;
  #time;
  #pack;
  #up;
  #down;
  /** @type {FederationWorker | undefined} */
  #worker;
  #sender;
  /** @type {(() => void) | undefined} */
  #cancel;
  #onWitnessed;

  /**
   * @param {import("./virtual-time.mjs").VirtualTime} time
   * @param {import("./offline-pack.mjs").OfflinePack} pack
   * @param {LinkShape} shape
   * @param {() => void} onWitnessed
   */
  constructor(time, pack, shape, onWitnessed) {
    this.#time = time;
    this.#pack = pack;
    this.#up = new Direction(time, shape);
    this.#down = new Direction(time, shape);
    this.witnessed = pack.cursors.witnessed(witness.name);
    this.#sender = new UplinkSender({ witnessed: this.witnessed, pending: pack.pending });
    this.#onWitnessed = onWitnessed;
  }

  /** @param {import("@wattseal/federation").FederationStore} store */
  async connect(store) {
    this.#worker = await FederationWorker.start({
      store,
      witness,
      receiptLog,
      authorityKeys: [authority.publicKey],
      clock: this.#time,
      logger: silentLogger,
      publish: (_, channel, payload) =>
        this.#down.send(payload.length + PUBLISH_BYTES, () => this.#heard(channel, payload)),
    });
    this.#handle({ kind: "connected" });
  }

  async close() {
    this.#cancel?.();
    await this.#worker?.stop();
  }

  get bytesUp() {
    return this.#up.bytes;
  }

  signed() {
    this.#handle({ kind: "signed" });
  }

  /**
   * @param {string} channel
   * @param {Uint8Array} payload
   */
  #heard(channel, payload) {
    if (channel === "request") {
      this.requests += 1;
      this.#handle({ kind: "request", request: decodeRequest(payload) });
      return;
    }
    void this.#pack.cursors.accept(witness.name, payload).then(({ size }) => {
      this.witnessed = this.#pack.cursors.witnessed(witness.name);
      this.#pack.pending.prune(size);
      this.#handle({ kind: "witnessed", size });
      this.#onWitnessed();
    });
  }

  /** @param {import("@wattseal/uplink").SenderEvent} event */
  #handle(event) {
    for (const effect of this.#sender.handle(event, this.#time.now())) this.#perform(effect);
    this.#cancel?.();
    const { deadline } = this.#sender;
    this.#cancel = deadline && this.#time.at(deadline, () => this.#handle({ kind: "tick" }));
  }

  /** @param {import("@wattseal/uplink").SenderEffect} effect */
  #perform(effect) {
    const { origin, store } = this.#pack;
    if (effect.kind === "head") {
      const { size } = unverifiedCheckpoint(effect.note);
      this.#send("head", utf8(effect.note), () => {
        this.headAt.set(size, this.#time.exact);
      });
    } else if (effect.kind === "batch") {
      const leaves = [...store.entries(effect.from, effect.to)];
      const batch = { origin, prevSize: effect.from, leaves, checkpoint: effect.note };
      this.leaves += leaves.length;
      this.#send("batch", encodeBatch(batch));
    } else if (effect.kind === "response") {
      const response = takeResponse(store, effect);
      this.leaves += response.leaves.length;
      this.#send("response", encodeResponse(response));
    }
  }

  /**
   * @param {"head" | "batch" | "response"} channel
   * @param {Uint8Array} payload
   * @param {() => void} arrived
   */
  #send(channel, payload, arrived = () => {}) {
    this.#up.send(payload.length + PUBLISH_BYTES, () => {
      arrived();
      this.#worker?.deliver({ pack: this.#pack.name, channel, payload, settle: () => {} });
      this.#down.send(PUBACK_BYTES, () => this.#handle({ kind: "acknowledged" }));
    });
  }
}
