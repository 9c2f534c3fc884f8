/** Which column of a recording holds what. Names are compared without case, units or punctuation. */
const NAMES = {
  time: ["ts", "time", "tsec", "times", "timesec", "seconds", "sec", "elapsed", "timestamp", "t"],
  milliseconds: ["tms", "timems", "milliseconds"],
  volts: ["packv", "v", "voltage", "volts", "packvoltage", "batteryvoltage", "battv", "voltagev"],
  amps: [
    "packa",
    "a",
    "current",
    "amps",
    "packcurrent",
    "batterycurrent",
    "batta",
    "i",
    "currenta",
  ],
  celsius: ["battc", "packc", "cellc", "tempc", "temperature", "temp", "batterytemperature", "t"],
  soc: ["socpct", "soc", "socpercent", "stateofcharge"],
} as const;

export interface Columns {
  readonly time: number;
  /** Seconds in one unit of the time column. */
  readonly timeUnit: number;
  readonly volts: number;
  readonly amps: number;
  readonly celsius: number | undefined;
  readonly soc: number | undefined;
}

function normalised(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/\[[^\]]*\]|\([^)]*\)/g, "")
    .replaceAll(/[^a-z0-9]/g, "");
}

/** Undefined, with what is missing, when a recording without these columns cannot be played. */
export function findColumns(header: readonly string[]): Columns | { readonly missing: string } {
  const names = header.map(normalised);
  const find = (wanted: readonly string[], except?: number): number | undefined => {
    for (const name of wanted) {
      const at = names.findIndex((other, i) => other === name && i !== except);
      if (at !== -1) return at;
    }
    return undefined;
  };
  const milliseconds = find(NAMES.milliseconds);
  const time = find(NAMES.time) ?? milliseconds;
  const volts = find(NAMES.volts);
  const amps = find(NAMES.amps);
  if (time === undefined) return { missing: "time (t_s)" };
  if (volts === undefined) return { missing: "voltage (pack_V or V)" };
  if (amps === undefined) return { missing: "current (pack_A or A)" };
  return {
    time,
    timeUnit: time === milliseconds ? 0.001 : 1,
    volts,
    amps,
    // "T" beside the time column is a temperature.
    celsius: find(NAMES.celsius, time),
    soc: find(NAMES.soc),
  };
}
