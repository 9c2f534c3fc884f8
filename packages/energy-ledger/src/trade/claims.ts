import { MOST_NET } from "../codec/scalars.js";
import { LedgerError } from "../errors.js";

/** Energy bought and not delivered yet, less energy sold and still here: one signed sum, mWh. */
export class Claims {
  #sum: number;

  constructor(sum: number) {
    this.#sum = sum;
  }

  get sum(): number {
    return this.#sum;
  }

  /** Throws LedgerError `overflow` and changes nothing, beyond 2^51 of either sign. */
  add(energy: number): void {
    const sum = this.#sum + energy;
    if (Math.abs(sum) > MOST_NET) throw new LedgerError("overflow", "claims would exceed 2^51 mWh");
    this.#sum = sum;
  }

  /** Net charge is first what others owe, net discharge what is owed to them. Returns what is left of `net`. */
  settle(net: number): number {
    const [least, most] = [Math.min(0, this.#sum), Math.max(0, this.#sum)];
    const delivered = Math.max(least, Math.min(most, net));
    this.#sum -= delivered;
    return net - delivered;
  }
}
