/** Energy by UTC hour and day. */
import type { Entry } from "@wattseal/energy-ledger";
import {
  type EnergyKind,
  type EnergySum,
  energyOf,
  type InOut,
  plus,
  SPANS,
  type Span,
} from "./growth.js";

interface Recorded extends InOut {
  readonly t0: number;
  readonly t1: number;
}

const NOTHING = energyOf(() => ({ in: 0, out: 0 }));

/**
 * A record counts in the hour and the day in which it ends. A consistent interval counts once its window, or the check of the
 * pack's shunt, says as what.
 */
export class EnergyBook {
  /** Consistent intervals that the shunt may still not bear out, as sums. */
  #pending = new Map<string, EnergySum>();
  #added = new Map<string, EnergySum>();

  observe({ type, body }: Entry): void {
    if (type === "energy.interval") {
      const isOpen = body.verdict === "consistent";
      this.#add(isOpen ? this.#pending : this.#added, body.verdict, body);
    } else if (type === "energy.gap") this.#add(this.#added, "gap", body);
    else if (type === "energy.check") this.#settle(body.verdict);
    else if (type === "energy.window") this.#settle("consistent");
  }

  /** What was added since the last call. */
  take(): EnergySum[] {
    const added = [...this.#added.values()];
    this.#added = new Map();
    return added;
  }

  #settle(kind: "consistent" | "suspect"): void {
    for (const { span, start, energy } of this.#pending.values()) {
      put(this.#added, span, start, kind, energy.consistent);
    }
    this.#pending = new Map();
  }

  #add(
    sums: Map<string, EnergySum>,
    kind: EnergyKind,
    { t0, t1, in: inward, out }: Recorded,
  ): void {
    const last = Math.max(t0, t1 - 1);
    for (const span of ["hour", "day"] as const) {
      put(sums, span, last - (last % SPANS[span]), kind, { in: inward, out });
    }
  }
}

function put(
  sums: Map<string, EnergySum>,
  span: Span,
  start: number,
  kind: EnergyKind,
  amount: InOut,
): void {
  const name = `${span} ${start}`;
  const known = sums.get(name)?.energy ?? NOTHING;
  const energy = plus(known, { ...NOTHING, [kind]: amount });
  sums.set(name, { span, start, energy });
}
