import {
  type Cancel,
  type Clock,
  type Entropy,
  type Logger,
  type Micros,
  type Millis,
  type ModuleUid,
  messageOf,
  micros,
} from "@wattseal/base";
import {
  type BusListener,
  type CanBus,
  type CanFrame,
  type DownReason,
  isSecured,
  type LinkAlarm,
  type LinkStatus,
  MODULE_STATE,
  type ModuleMessage,
  type OrderResult,
  PackLink,
  type PackLinkEffect,
  type PackLinkEvent,
  type PackOrder,
  PackRoll,
  type PduClass,
  slotOf,
} from "@wattseal/can-protocol";
import type { PackCustody, PackPairing, PairedModule } from "@wattseal/device-keys";
import { Custodian } from "./custodian.js";
import { oneByOne, openingMs } from "./one-by-one.js";
import { Outbox } from "./outbox.js";

/** One accepted message of a module. */
export interface LinkMessage {
  /** When its last frame was on the bus. */
  readonly time: Micros;
  readonly counter: number;
  readonly type: number;
  readonly body: Uint8Array;
  readonly class: PduClass;
  /** On the wire: bytes of ciphertext and tag, and the tag. */
  readonly length: number;
  readonly tag: Uint8Array;
  readonly message: ModuleMessage;
  /** Of the session that opened it. */
  readonly handshakeHash: Uint8Array;
}

export interface LinkListener {
  /** The module has proven a session; its messages follow. */
  session(module: PairedModule, handshakeHash: Uint8Array): void;
  message(module: PairedModule, message: LinkMessage): void;
  alarm(module: PairedModule, alarm: LinkAlarm): void;
  down(module: PairedModule, reason: DownReason): void;
  /** Nothing sealed under this session is accepted any more; the module sealed under `receiveKey`. */
  retired(handshakeHash: Uint8Array, receiveKey: Uint8Array): void;
  /** Silent for so long that someone should look: the link goes on trying. */
  lost(module: PairedModule, silentMs: number): void;
  /** Why what holds the pack's half does not answer; undefined once it does again. Told once for each. */
  custody(away: string | undefined): void;
}

export interface LinkManagerOptions {
  readonly bus: CanBus;
  readonly pairing: PackPairing;
  /** Holds the pack half; outlives the manager. */
  readonly custody: PackCustody;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly logger: Logger;
  readonly listener: LinkListener;
  /** The half that is to follow, while the pairing says that a roll is under way; outlives the manager. */
  readonly nextCustody?: PackCustody | undefined;
  /** Makes the pack's record durable: while a half is rolled, each step rests on the one before. */
  readonly storePairing: (pairing: PackPairing) => Promise<void>;
}

interface Peer {
  readonly module: PairedModule;
  readonly link: PackLink;
  armed: Millis | undefined;
  timer: Cancel | undefined;
}

/**
 * Runs one link per paired module over one bus, and grants the modules the state On by heartbeat for as long as
 * it runs. When it stops, the modules fall silent-safe by themselves.
 */
export class LinkManager implements BusListener {
  readonly #options: LinkManagerOptions;
  readonly #outbox: Outbox;
  readonly #peers = new Map<number, Peer>();
  readonly #custodian: Custodian;
  #roll: PackRoll | undefined;
  /** Orders on their way, and who waits for what becomes of them. */
  readonly #orders = new Map<PackOrder, (result: OrderResult) => void>();
  #unlisten: (() => void) | undefined;
  #stopped = false;
  #foreign = 0;
  #opening: Cancel | undefined;
  #granted: number = MODULE_STATE.on;

  constructor(options: LinkManagerOptions) {
    this.#options = options;
    const { bus, pairing, custody, entropy, logger, listener, nextCustody } = options;
    const custodies = nextCustody === undefined ? [custody] : [custody, nextCustody];
    this.#custodian = new Custodian(custodies, (away) => listener.custody(away));
    if (nextCustody !== undefined) this.#roll = new PackRoll(pairing);
    this.#outbox = new Outbox(bus, (frameClass, frames) =>
      logger.warn("bus.unsent", { class: frameClass, frames }),
    );
    for (const module of pairing.modules) {
      const link = new PackLink({
        packHash: pairing.packHash,
        module,
        packHalf: custody.publicKey,
        entropy,
        fd: bus.info.dataBitRate !== undefined,
        maxState: MODULE_STATE.on,
        ...(nextCustody === undefined ? {} : { nextHalf: nextCustody.publicKey }),
      });
      this.#peers.set(module.slot, { module, link, armed: undefined, timer: undefined });
    }
  }

  /** Opens the links one after another. */
  start(): void {
    const { bus, clock } = this.#options;
    this.#unlisten = bus.listen(this);
    const open = [...this.#peers.values()].map(
      (peer) => () => this.#handle(peer, { kind: "open" }),
    );
    this.#opening = oneByOne(clock, openingMs(bus.info.nominalBitRate), open);
  }

  /** Says nothing more on the bus; each module goes Off by its own silence timer. */
  stop(): void {
    this.#opening?.();
    for (const peer of this.#peers.values()) this.#handle(peer, { kind: "close" });
    this.#stopped = true;
    for (const { timer } of this.#peers.values()) timer?.();
    this.#unlisten?.();
  }

  /** Resolves with what became of the order: acknowledged, refused with a reason, timed out, or never sent. */
  order(uid: ModuleUid, order: PackOrder): Promise<OrderResult> {
    const peer = this.#peerOf(uid);
    if (peer === undefined) return Promise.resolve({ kind: "unsent", reason: "no-session" });
    // A copy of our own: outcomes come back with the very object, and one order may go to many.
    const message = { ...order };
    return new Promise((resolve, reject) => {
      this.#orders.set(message, resolve);
      try {
        this.#handle(peer, { kind: "send", message });
      } catch (error) {
        this.#orders.delete(message);
        reject(error);
      }
    });
  }

  /** Orders every paired module at once; what can leave is on its way to the bus when this returns. */
  orderAll(order: PackOrder): ReadonlyMap<ModuleUid, Promise<OrderResult>> {
    const results = new Map<ModuleUid, Promise<OrderResult>>();
    for (const { module, link } of this.#peers.values()) {
      const { linked } = link.status;
      const unsent = { kind: "unsent", reason: "no-session" } as const;
      results.set(module.uid, linked ? this.order(module.uid, order) : Promise.resolve(unsent));
    }
    return results;
  }

  /**
   * Isolates every module, and keeps it so: heartbeats allow nothing but Off until `allow`, also to modules that
   * come back or link later.
   */
  isolateAll(cause: number): ReadonlyMap<ModuleUid, Promise<OrderResult>> {
    const results = this.orderAll({ kind: "isolate", cause });
    this.#grant(MODULE_STATE.off);
    return results;
  }

  /** Lets modules close their relays again after `isolateAll`. */
  allow(): void {
    this.#grant(MODULE_STATE.on);
  }

  get isolated(): boolean {
    return this.#granted === MODULE_STATE.off;
  }

  #grant(state: number): void {
    this.#granted = state;
    for (const peer of this.#peers.values()) this.#handle(peer, { kind: "max-state", state });
  }

  /**
   * Rolls the pack's half over to `next`, which is in safe keeping already: resolves when the record says so and the
   * links have been told. Each module follows in its own time; `rolling` names those that have not.
   * Throws DeviceKeysError `bad-pairing` while another roll is under way.
   */
  async roll(next: PackCustody, reference: string): Promise<void> {
    const { pairing, storePairing } = this.#options;
    const { publicKey } = next;
    const { roll, effect } = PackRoll.begin(this.#roll?.pairing ?? pairing, {
      reference,
      publicKey,
    });
    await storePairing(effect.pairing);
    this.#roll = roll;
    this.#custodian.add(next);
    for (const peer of this.#peers.values())
      this.#handle(peer, { kind: "key-roll", packHalf: publicKey });
  }

  /** Why what holds the pack's half does not answer; undefined while it does. */
  get halfAway(): string | undefined {
    return this.#custodian.away;
  }

  /** While what holds the pack's half is being asked: where time can wait, it waits for this. */
  get agreeing(): Promise<void> | undefined {
    return this.#custodian.pending;
  }

  /** Modules that have still to prove a session under the pack's next half. */
  get rolling(): readonly ModuleUid[] {
    return this.#roll?.waiting ?? [];
  }

  status(uid: ModuleUid): LinkStatus | undefined {
    return this.#peerOf(uid)?.link.status;
  }

  /** Frames that belong to no paired slot or are in clear: ignored. */
  get foreignFrames(): number {
    return this.#foreign;
  }

  frame(frame: CanFrame, time: Micros): void {
    const peer = isSecured(frame.id) ? this.#peers.get(slotOf(frame.id)) : undefined;
    if (peer === undefined) this.#foreign += 1;
    else this.#handle(peer, { kind: "frame", frame }, time);
  }

  sent(frame: CanFrame): void {
    this.#outbox.scheduler.sent(frame);
  }

  error(): void {
    // The controller repeats the frame; links notice what does not arrive.
  }

  state(state: CanBus["state"]): void {
    this.#options.logger.warn("bus.state", { state });
    this.#outbox.scheduler.state(state);
    for (const peer of this.#peers.values()) this.#handle(peer, { kind: "bus", state });
  }

  /** Only frames bring messages, so only their time is of interest. */
  #handle(peer: Peer, event: PackLinkEvent, frameTime?: Micros): void {
    const now = this.#options.clock.now();
    const time = frameTime ?? micros(now * 1000);
    try {
      const effects = peer.link.handle(event, now);
      for (const effect of effects) this.#perform(peer, effect, time);
    } finally {
      this.#rearm(peer);
    }
  }

  #rearm(peer: Peer): void {
    if (this.#stopped) return;
    const { deadline } = peer.link;
    if (deadline === peer.armed) return;
    peer.timer?.();
    peer.armed = deadline;
    peer.timer =
      deadline === undefined
        ? undefined
        : this.#options.clock.at(deadline, () => {
            peer.armed = undefined;
            this.#handle(peer, { kind: "timer" });
          });
  }

  #perform(peer: Peer, effect: PackLinkEffect, time: Micros): void {
    const { listener } = this.#options;
    const { module } = peer;
    switch (effect.kind) {
      case "transmit": {
        const { frames } = effect;
        if (!this.#outbox.transmit(effect)) this.#handle(peer, { kind: "unsent", frames });
        break;
      }
      case "dh":
        this.#custodian.ask(module.slot, effect, (shared) =>
          this.#handle(peer, { kind: "dh", id: effect.id, shared }),
        );
        break;
      case "withdraw":
        this.#outbox.scheduler.withdraw(effect.slot, effect.what);
        break;
      case "session":
        listener.session(module, effect.handshakeHash);
        break;
      case "message":
        listener.message(module, { ...effect, time });
        break;
      case "alarm":
        listener.alarm(module, effect.alarm);
        break;
      case "outcome":
        this.#orders.get(effect.order)?.(effect.result);
        this.#orders.delete(effect.order);
        break;
      case "lost":
        listener.lost(module, effect.silentMs);
        break;
      case "rolled":
        this.#proven(module);
        break;
      case "down":
        listener.down(module, effect.reason);
        break;
      case "retired":
        listener.retired(effect.handshakeHash, effect.receiveKey);
        break;
    }
  }

  #proven(module: PairedModule): void {
    const { logger, storePairing } = this.#options;
    logger.info("link.rolled", { module: module.uid });
    const done = this.#roll?.proven(module.uid);
    if (done === undefined) return;
    storePairing(done.pairing).then(
      () => logger.info("link.roll-complete", { modules: done.pairing.modules.length }),
      (error: unknown) => logger.error("link.roll-not-stored", { error: messageOf(error) }),
    );
  }

  #peerOf(uid: ModuleUid): Peer | undefined {
    for (const peer of this.#peers.values()) if (peer.module.uid === uid) return peer;
    return undefined;
  }
}
