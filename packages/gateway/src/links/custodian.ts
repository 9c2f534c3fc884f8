import { bytesEqual, messageOf, type Slot } from "@wattseal/base";
import type { DhRequest } from "@wattseal/can-protocol";
import { DeviceKeysError, type PackCustody } from "@wattseal/device-keys";

/**
 * Asks what holds the pack's halves, for the links: of each link one thing at a time, so that neither a flooded bus nor a
 * holder that never answers makes a queue.
 */
export class Custodian {
  readonly #custodies: PackCustody[];
  readonly #told: (away: string | undefined) => void;
  readonly #asked = new Map<Slot, Promise<void>>();
  /** Public halves whose holder did not answer the last time. */
  #away: readonly Uint8Array[] = [];
  #why: string | undefined;

  /** `told`: why a holder does not answer; undefined once all do again. Told once for each. */
  constructor(custodies: readonly PackCustody[], told: (away: string | undefined) => void) {
    this.#custodies = [...custodies];
    this.#told = told;
  }

  /** Why a holder does not answer; undefined while all do. */
  get away(): string | undefined {
    return this.#why;
  }

  add(custody: PackCustody): void {
    this.#custodies.push(custody);
  }

  /** Until every answer that is awaited has been handed on; undefined where none is. */
  get pending(): Promise<void> | undefined {
    return this.#asked.size === 0 ? undefined : Promise.all(this.#asked.values()).then(() => {});
  }

  /** Hands on the 32 bytes, the receiver's to wipe, or undefined where there is no answer. */
  ask(slot: Slot, request: DhRequest, answered: (shared: Uint8Array | undefined) => void): void {
    const asked = this.#asked.has(slot)
      ? Promise.resolve(undefined)
      : this.#agree(request.half, request.peer);
    const done = asked.then((shared) => {
      if (this.#asked.get(slot) === done) this.#asked.delete(slot);
      answered(shared);
    });
    if (!this.#asked.has(slot)) this.#asked.set(slot, done);
  }

  async #agree(half: Uint8Array, peer: Uint8Array): Promise<Uint8Array | undefined> {
    const custody = this.#custodies.find(({ publicKey }) => bytesEqual(publicKey, half));
    try {
      const shared = await custody?.dh(peer);
      this.#answers(half);
      return shared;
    } catch (error) {
      if (error instanceof DeviceKeysError && error.code === "weak-peer-half") this.#answers(half);
      else this.#silent(half, messageOf(error));
      return undefined;
    }
  }

  #silent(half: Uint8Array, why: string): void {
    if (this.#away.some((other) => bytesEqual(other, half))) return;
    this.#away = [...this.#away, half];
    if (this.#away.length === 1) this.#say(why);
  }

  #answers(half: Uint8Array): void {
    if (this.#away.length === 0) return;
    this.#away = this.#away.filter((other) => !bytesEqual(other, half));
    if (this.#away.length === 0) this.#say(undefined);
  }

  #say(why: string | undefined): void {
    this.#why = why;
    this.#told(why);
  }
}
