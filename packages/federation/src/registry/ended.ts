/** Which LCTs have ended, in memory, since every message asks; and what other processes have ended meanwhile. */
import { type LctId, labelOf, lctId } from "@wattseal/base";
import type { LctDocument } from "@wattseal/lct-keys/verify";
import type { PackName } from "@wattseal/uplink";
import type { ForkEvidence } from "../store/port.js";
import type { FinalState, RegistryStore } from "./port.js";
import type { Standing } from "./standing.js";

type Known = Pick<RegistryStore, "ended" | "endedCount" | "lct">;

export class EndedLcts {
  readonly #store: Known;
  /** By the label of the LCT. */
  readonly #states = new Map<string, FinalState>();

  private constructor(store: Known) {
    this.#store = store;
  }

  static async of(store: Known): Promise<EndedLcts> {
    const ended = new EndedLcts(store);
    await ended.refresh();
    return ended;
  }

  finalState(pack: PackName): FinalState | undefined {
    return this.#states.get(pack);
  }

  /** What was signed of it last: nothing follows an ending. Throws what the store throws. */
  async statement(pack: PackName): Promise<Uint8Array | undefined> {
    if (this.finalState(pack) === undefined) return undefined;
    return (await this.#store.lct(lctId(`lct:pack:${pack}`)))?.statements.at(-1);
  }

  /** What this process has just ended, once that is stored. */
  set(lct: LctId, state: FinalState): void {
    this.#states.set(labelOf(lct), state);
  }

  /** Nothing leads out of a final state: as many as are known are all. Throws what the store throws. */
  async refresh(): Promise<void> {
    if ((await this.#store.endedCount()) === this.#states.size) return;
    for (const { lct, state } of await this.#store.ended()) this.set(lct, state);
  }
}

/**
 * The standing as a worker without the authority's key knows it. A fork that it finds is in the store that it shares: a
 * registry there, which has the key, slashes for it.
 */
export class SharedStanding implements Standing {
  readonly #ended: EndedLcts;

  constructor(ended: EndedLcts) {
    this.#ended = ended;
  }

  finalState(pack: PackName): FinalState | undefined {
    return this.#ended.finalState(pack);
  }

  statement(pack: PackName): Promise<Uint8Array | undefined> {
    return this.#ended.statement(pack);
  }

  async slash(_fork: ForkEvidence, _document: LctDocument): Promise<void> {}
}
