import { SimError } from "../errors.js";
import { type Columns, findColumns } from "./columns.js";
import { EnergySum } from "./energy-sum.js";

/** Longer than this between two usable rows, and nothing is known of what flowed. */
const LONGEST_BRIDGED_SECONDS = 5;
/** Problems kept with their line; the rest are counted. */
const PROBLEMS_KEPT = 200;
const LARGEST_VOLTS = 10_000;
const LARGEST_AMPS = 100_000;

export interface RecordedSample {
  readonly seconds: number;
  readonly volts: number;
  /** Positive charges. */
  readonly amps: number;
  readonly celsius: number | undefined;
  /** 0 to 1. */
  readonly soc: number | undefined;
  /** Nothing is integrated from the sample before up to this one. */
  readonly afterHole: boolean;
}

export interface RecordingProblem {
  /** Of the file, from 1. */
  readonly line: number;
  readonly problem: string;
}

export interface Recording {
  readonly name: string;
  /** In the order of time; at least two. */
  readonly samples: readonly RecordedSample[];
  /** Rows that were passed over: the first 200, and how many in all. */
  readonly problems: readonly RecordingProblem[];
  readonly problemCount: number;
  readonly holes: number;
  /** File time inside holes. */
  readonly holeSeconds: number;
  /** Trapezoid of max(V·I, 0) and max(−V·I, 0) over the samples, holes left out. */
  readonly wattHours: { readonly in: number; readonly out: number };
}

/**
 * Reads a recorded drive: a table with a header row, separated by comma, semicolon or tab. Needs a time, a
 * voltage and a current column (positive charging); temperature and SOC in % are optional. A row that cannot
 * be used is reported and passed over. Throws SimError `recording` when nothing playable is left.
 */
export function readRecording(source: Uint8Array | string, name: string): Recording {
  const text = typeof source === "string" ? source : new TextDecoder().decode(source);
  const lines = text.replace(/^\ufeff/, "").split(/\r\n|\n|\r/);
  const headerAt = lines.findIndex((line) => line.trim() !== "" && !line.startsWith("#"));
  const header = lines[headerAt] ?? "";
  const separator = [";", "\t", ","].find((one) => header.includes(one)) ?? ",";
  const columns = findColumns(header.split(separator));
  if ("missing" in columns) {
    throw new SimError(
      "recording",
      "input",
      `${name}, line ${headerAt + 1}: no ${columns.missing} column in the header`,
    );
  }
  const reader = new RowReader(columns, separator);
  for (let at = headerAt + 1; at < lines.length; at += 1) reader.read(lines[at] ?? "", at + 1);
  if (reader.samples.length < 2) {
    const first = reader.problems[0];
    const why = first === undefined ? "" : ` (line ${first.line}: ${first.problem})`;
    throw new SimError("recording", "input", `${name}: fewer than two usable rows${why}`);
  }
  return reader.finish(name);
}

class RowReader {
  readonly samples: RecordedSample[] = [];
  readonly problems: RecordingProblem[] = [];
  readonly #columns: Columns;
  readonly #separator: string;
  readonly #energy = new EnergySum();
  #problemCount = 0;
  #holes = 0;
  #holeSeconds = 0;
  #rowSeconds = Number.NEGATIVE_INFINITY;

  constructor(columns: Columns, separator: string) {
    this.#columns = columns;
    this.#separator = separator;
  }

  read(text: string, line: number): void {
    if (text.trim() === "" || text.startsWith("#")) return;
    const problem = this.#take(text.split(this.#separator));
    if (problem === undefined) return;
    this.#problemCount += 1;
    if (this.problems.length < PROBLEMS_KEPT) this.problems.push({ line, problem });
  }

  /** Returns why a row was passed over. */
  #take(fields: readonly string[]): string | undefined {
    const seconds = this.#number(fields, this.#columns.time) * this.#columns.timeUnit;
    if (!Number.isFinite(seconds)) return "no time";
    if (seconds <= this.#rowSeconds) return "time does not increase";
    this.#rowSeconds = seconds;
    const volts = this.#number(fields, this.#columns.volts);
    if (!(volts >= 0 && volts <= LARGEST_VOLTS)) return "no usable voltage";
    const amps = this.#number(fields, this.#columns.amps);
    if (!(Math.abs(amps) <= LARGEST_AMPS)) return "no usable current";
    this.#add(seconds, volts, amps, fields);
    return undefined;
  }

  finish(name: string): Recording {
    return {
      name,
      samples: this.samples,
      problems: this.problems,
      problemCount: this.#problemCount,
      holes: this.#holes,
      holeSeconds: this.#holeSeconds,
      wattHours: this.#energy.wattHours,
    };
  }

  #add(seconds: number, volts: number, amps: number, fields: readonly string[]): void {
    const before = this.samples.at(-1);
    const gap = before === undefined ? 0 : seconds - before.seconds;
    const afterHole = gap > LONGEST_BRIDGED_SECONDS;
    if (afterHole) {
      this.#holes += 1;
      this.#holeSeconds += gap;
      this.#energy.pause();
    }
    this.#energy.sample(seconds, volts * amps);
    const celsius = finite(this.#number(fields, this.#columns.celsius));
    const percent = this.#number(fields, this.#columns.soc);
    const soc = percent >= 0 && percent <= 100 ? percent / 100 : undefined;
    this.samples.push({ seconds, volts, amps, celsius, soc, afterHole });
  }

  #number(fields: readonly string[], column: number | undefined): number {
    if (column === undefined) return Number.NaN;
    const text = (fields[column] ?? "").trim();
    if (text === "") return Number.NaN;
    return Number(this.#separator === "," ? text : text.replace(",", "."));
  }
}

function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}
