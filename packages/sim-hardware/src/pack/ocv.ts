/** Open-circuit volts of one NMC cell at 0, 5, 10, 20 … 100 % state of charge. */
const CURVE: readonly (readonly [soc: number, volts: number])[] = [
  [0, 3.0],
  [0.05, 3.35],
  [0.1, 3.47],
  [0.2, 3.57],
  [0.3, 3.62],
  [0.4, 3.66],
  [0.5, 3.71],
  [0.6, 3.8],
  [0.7, 3.9],
  [0.8, 4.0],
  [0.9, 4.08],
  [1, 4.18],
];

function interpolate(x: number, from: 0 | 1, to: 0 | 1): number {
  let below = CURVE[0] ?? [0, 0];
  for (const point of CURVE) {
    if (point[from] >= x) {
      const width = point[from] - below[from];
      return width === 0
        ? point[to]
        : below[to] + ((x - below[from]) / width) * (point[to] - below[to]);
    }
    below = point;
  }
  return below[to];
}

/** Volts of a cell at rest; `soc` from 0 to 1, clamped. */
export function openCircuitVolts(soc: number): number {
  return interpolate(soc, 0, 1);
}

/** The state of charge, 0 to 1, at which a cell rests at `volts`. */
export function socAtRest(volts: number): number {
  return interpolate(volts, 1, 0);
}
