/** Which column of a recording holds what, by its name alone. */

/** One quantity that a recording has, or may have. */
interface Quantity {
  /** For people. */
  readonly called: string;
  /** Its units as headers write them, each with how many make one of s, V, A, °C, or a whole; the first is meant where none is written. */
  readonly units: Readonly<Record<string, number>>;
  /** As it is shown. */
  readonly unit: string;
  /** Names that may have a unit behind them, and such as only the unit makes clear; the clearest first. */
  readonly names: readonly {
    readonly plain: readonly string[];
    readonly withUnit: readonly string[];
  }[];
  /** A name of a single letter, in this case alone, where there is none of the names. */
  readonly letter?: string;
  readonly example: string;
}

const BATTERY = ["pack", "battery", "batt"] as const;
const ofBattery = (...quantities: readonly string[]) => ({
  plain: BATTERY.flatMap((battery) => quantities.map((quantity) => battery + quantity)),
  withUnit: BATTERY,
});

const QUANTITIES = {
  time: {
    called: "time",
    units: { s: 1, sec: 1, seconds: 1, ms: 1000, milliseconds: 1000 },
    unit: "s",
    names: [{ plain: ["time", "timestamp", "elapsed", "elapsedtime", "seconds"], withUnit: ["t"] }],
    example: "t_s or time",
  },
  volts: {
    called: "voltage",
    units: { v: 1, volts: 1, mv: 1000 },
    unit: "V",
    names: [ofBattery("voltage"), { plain: ["voltage", "volts"], withUnit: [] }],
    letter: "V",
    example: "pack_V or voltage",
  },
  amps: {
    called: "current",
    units: { a: 1, amps: 1, ma: 1000 },
    unit: "A",
    names: [ofBattery("current"), { plain: ["current", "amps"], withUnit: [] }],
    letter: "A",
    example: "pack_A or current",
  },
  celsius: {
    called: "temperature",
    units: { c: 1, degc: 1, celsius: 1 },
    unit: "°C",
    names: [
      ofBattery("temperature", "temp"),
      { plain: ["temperature", "temp"], withUnit: ["cell"] },
    ],
    example: "batt_C or temperature",
  },
  soc: {
    called: "SOC",
    units: { pct: 100, percent: 100 },
    unit: "%",
    names: [{ plain: ["soc", "stateofcharge"], withUnit: [] }],
    example: "soc_pct",
  },
} as const satisfies Record<string, Quantity>;

export interface Column {
  /** From 0. */
  readonly at: number;
  /** As the header has it. */
  readonly name: string;
  /** Of its values, as the header has it or as it is assumed. */
  readonly unit: string;
  /** A value divided by this is in s, V, A, °C, or a share of one. */
  readonly divisor: number;
}

export interface Columns {
  readonly time: Column;
  readonly volts: Column;
  readonly amps: Column;
  readonly celsius: Column | undefined;
  readonly soc: Column | undefined;
}

interface Heading {
  readonly at: number;
  readonly name: string;
  /** Lower-case letters and digits: the whole, and parted before the last word or bracket. */
  readonly whole: string;
  readonly stem: string;
  readonly unit: string;
}

function headingOf(text: string, at: number): Heading {
  const name = text.trim().replace(/^"(.*)"$/, "$1");
  const words = name
    .toLowerCase()
    .replaceAll("%", "pct")
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== "");
  return {
    at,
    name,
    whole: words.join(""),
    stem: words.slice(0, -1).join(""),
    unit: words.at(-1) ?? "",
  };
}

/** Refuses, in words for people, a header that lacks a column that is needed or leaves open which one it is. */
export function findColumns(
  header: readonly string[],
  refuse: (problem: string) => never,
): Columns {
  const headings = header.map(headingOf);
  const twice = headings.find(
    ({ name }, i) => name !== "" && headings.findIndex((one) => one.name === name) < i,
  );
  if (twice !== undefined) {
    const first = headings.findIndex(({ name }) => name === twice.name) + 1;
    refuse(`two columns are named "${twice.name}": ${first} and ${twice.at + 1}`);
  }
  const find = (quantity: Quantity) => columnOf(quantity, headings, refuse);
  const need = (quantity: Quantity): Column =>
    find(quantity) ?? refuse(missing(quantity, headings));
  return {
    time: need(QUANTITIES.time),
    volts: need(QUANTITIES.volts),
    amps: need(QUANTITIES.amps),
    celsius: find(QUANTITIES.celsius),
    soc: find(QUANTITIES.soc),
  };
}

function columnOf(
  quantity: Quantity,
  headings: readonly Heading[],
  refuse: (problem: string) => never,
): Column | undefined {
  for (const names of [...quantity.names, undefined]) {
    const candidates = headings.filter((heading) =>
      names === undefined ? heading.name === quantity.letter : isNamed(heading, names, quantity),
    );
    const [first, ...others] = candidates;
    if (first === undefined) continue;
    if (others.length === 0) return column(first, quantity);
    const list = candidates.map(({ name, at }) => `"${name}" (column ${at + 1})`).join(", ");
    return refuse(`more than one ${quantity.called} column: ${list}`);
  }
  return undefined;
}

function isNamed(
  { whole, stem, unit }: Heading,
  { plain, withUnit }: Quantity["names"][number],
  { units }: Quantity,
): boolean {
  if (plain.includes(whole)) return true;
  return Object.hasOwn(units, unit) && (plain.includes(stem) || withUnit.includes(stem));
}

function column({ at, name, stem, unit }: Heading, quantity: Quantity): Column {
  const written = stem === "" ? undefined : quantity.units[unit];
  if (written === undefined || written === Object.values(quantity.units)[0]) {
    const [divisor = 1] = Object.values(quantity.units);
    return { at, name, unit: quantity.unit, divisor };
  }
  return { at, name, unit: `m${quantity.unit}`, divisor: written };
}

function missing({ called, example }: Quantity, headings: readonly Heading[]): string {
  const names = headings.map(({ name }) => name).join(", ");
  return `no ${called} column (such as ${example}) among: ${names}`;
}
