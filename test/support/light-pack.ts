/** A pack without a bus: a real signed log, sent by the gateway's own uplink. */
import { randomBytes } from "node:crypto";
import { type Clock, type Logger, millis, silentLogger } from "@wattseal/base";
import type { NoteSigner } from "@wattseal/tlog";
import {
  type Destination,
  type FleetName,
  leafBytes,
  PendingCheckpoints,
  UplinkCursors,
} from "@wattseal/uplink";
import { onTestFinished } from "vitest";
import { TestPack } from "../../packages/federation/src/fleet.fixture.js";
import { type BrokerAccess, UplinkClient } from "../../packages/gateway/src/uplink/client.js";

/** Delivery's waits are for slow networks: here they pass twenty times as fast. */
const HASTE = 20;
export const hastyClock: Clock = {
  now: () => millis(Date.now() * HASTE),
  at: (time, task) => {
    const timer = setTimeout(task, Math.max(0, time / HASTE - Date.now()));
    return () => clearTimeout(timer);
  },
};

export class LightPack {
  readonly pack: TestPack;
  readonly #pending: PendingCheckpoints;
  readonly #cursors: UplinkCursors;
  readonly #destination: Destination;
  #client: UplinkClient | undefined;
  #signed = 0;
  #waiting: { readonly size: number; readonly resolve: () => void }[] = [];

  constructor(seed: string, { name, publicKey }: NoteSigner) {
    this.pack = new TestPack(seed);
    const { origin } = this.pack;
    const log = this.pack;
    const save = async () => {};
    const pending = { origin, stored: undefined, witnessed: 0, log, save };
    this.#pending = PendingCheckpoints.load(pending).pending;
    this.#destination = { name, publicKeys: [publicKey] };
    const destinations = [this.#destination];
    this.#cursors = UplinkCursors.load({
      origin,
      log,
      destinations,
      quorum: 1,
      stored: () => undefined,
      save,
    });
  }

  /** Connects, and goes on until the test ends. */
  start(options: {
    broker: string;
    fleet: FleetName;
    access?: BrokerAccess;
    logger?: Logger;
    onStatus?: (payload: Uint8Array) => void;
  }): void {
    const { pack } = this;
    const client = new UplinkClient({
      ...options,
      access: options.access,
      pack: pack.name,
      destination: this.#destination,
      log: { ...pack.source, firstEntry: 0 },
      pending: this.#pending,
      cursors: this.#cursors,
      epochEvidence: () => pack.evidence,
      isStopped: () => false,
      entropy: { bytes: (length) => randomBytes(length) },
      clock: hastyClock,
      logger: options.logger ?? silentLogger,
      onWitnessed: (size) => this.#witnessed(size),
    });
    this.#client = client;
    onTestFinished(() => client.stop());
    client.start();
  }

  /** `count` entries and a checkpoint over them. */
  async grow(count: number): Promise<void> {
    this.pack.work(count);
    const { size } = this.pack;
    const bytes = leafBytes(this.pack.leaves.slice(this.#signed));
    await this.#pending.add({ size, note: this.pack.note(), bytes });
    this.#signed = size;
    this.#client?.signed();
  }

  /** Resolves when a receipt covers everything up to now. */
  receipted(): Promise<void> {
    const { size } = this.pack;
    return new Promise((resolve) => {
      if (this.#cursors.witnessed(this.#destination.name) >= size) resolve();
      else this.#waiting.push({ size, resolve });
    });
  }

  #witnessed(reached: number): void {
    this.#pending.prune(reached);
    this.#waiting = this.#waiting.filter(({ size, resolve }) => {
      if (size > reached) return true;
      resolve();
      return false;
    });
  }
}
