import type { Millis } from "@wattseal/base";
import type { Draft } from "../ledger/energy-log-options.js";

/** An order's entry, and what is told of it once the disk has it. */
export interface Turn<T> {
  readonly draft: Draft;
  readonly answer: (index: number) => T;
}

/** Makes an order's entry when its turn has come, after whatever is due by `now`. */
export type Enter = <T>(turn: (now: Millis) => Turn<T>) => Promise<T>;
