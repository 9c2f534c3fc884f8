const SECONDS_PER_HOUR = 3600;

/** Trapezoid of charging and of discharging power, each sample clipped at zero first. */
export class EnergySum {
  #in = 0;
  #out = 0;
  #seconds: number | undefined;
  #watts = 0;

  get wattHours(): { readonly in: number; readonly out: number } {
    return { in: this.#in / SECONDS_PER_HOUR, out: this.#out / SECONDS_PER_HOUR };
  }

  sample(seconds: number, watts: number): void {
    if (this.#seconds !== undefined) {
      const half = (seconds - this.#seconds) / 2;
      this.#in += half * (Math.max(this.#watts, 0) + Math.max(watts, 0));
      this.#out += half * (Math.max(-this.#watts, 0) + Math.max(-watts, 0));
    }
    this.#seconds = seconds;
    this.#watts = watts;
  }

  pause(): void {
    this.#seconds = undefined;
  }
}
