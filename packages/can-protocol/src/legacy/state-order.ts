import { MODULE_STATE } from "../catalogue/scales.js";
import { STATE_TRIES } from "./limits.js";
import type { LegacyLimits, LegacyQuirks } from "./types.js";

export type StateStep =
  | { readonly kind: "send"; readonly state: number; readonly bytes: 2 | 4 }
  | { readonly kind: "reached"; readonly state: number }
  /** Also to be sent: orders go on. */
  | {
      readonly kind: "unreached";
      readonly state: number;
      readonly reported: number;
      readonly bytes: 2 | 4;
    }
  | undefined;

interface Sent {
  readonly state: number;
  readonly at: number;
  readonly tries: number;
  readonly bytes: 2 | 4;
}

/**
 * Holds one module to the state it was ordered into: repeated each second until it tells that state. Public pack
 * firmware sends 4 bytes and public module firmware takes only 2, so that without a quirk both are tried in turn.
 */
export class StateOrder {
  readonly #fixed: 2 | 4 | undefined;
  readonly #limits: LegacyLimits;
  #worked: 2 | 4 | undefined;
  #ordered: number = MODULE_STATE.off;
  #sent: Sent | undefined;
  /** Reached, and told so. */
  #settled = true;
  hvBusVoltage = 0;

  constructor(quirks: LegacyQuirks | undefined, limits: LegacyLimits) {
    this.#fixed = quirks?.stateChangeBytes;
    this.#limits = limits;
  }

  order(state: number): void {
    this.#ordered = state;
  }

  /** The module started anew: what was sent to it is forgotten, the order stands. */
  reset(): void {
    this.#sent = undefined;
    this.#settled = true;
  }

  /** `reported` is undefined while the module has not told a state: only Off is ordered blindly, when it is due. */
  next(reported: number | undefined, allowed: number, mustBeOff: boolean, now: number): StateStep {
    const wanted = mustBeOff ? MODULE_STATE.off : Math.min(this.#ordered, allowed);
    if (reported === undefined && !mustBeOff) return undefined;
    if (reported === wanted && !mustBeOff) return this.#settle(wanted);
    const sent = this.#sent?.state === wanted ? this.#sent : undefined;
    if (sent !== undefined && now - sent.at < this.#limits.retryMs) return undefined;
    const tries = this.#settled ? 0 : (sent?.tries ?? 0);
    return this.#send(wanted, reported, tries + 1, now);
  }

  #settle(state: number): StateStep {
    const sent = this.#sent;
    if (this.#settled || sent?.state !== state) return undefined;
    this.#settled = true;
    this.#worked = sent.bytes;
    return { kind: "reached", state };
  }

  #send(state: number, reported: number | undefined, tries: number, now: number): StateStep {
    const bytes = this.#fixed ?? (tries === 1 ? this.#worked : undefined) ?? this.#inTurn(tries);
    this.#sent = { state, at: now, tries, bytes };
    this.#settled = false;
    return tries === STATE_TRIES && reported !== undefined
      ? { kind: "unreached", state, reported, bytes }
      : { kind: "send", state, bytes };
  }

  #inTurn(tries: number): 2 | 4 {
    return tries % 2 === 1 ? 4 : 2;
  }
}
