import { SimError } from "../errors.js";
import { READING } from "../pack/reach.js";
import { type Column, type Columns, findColumns } from "./columns.js";
import { EnergySum } from "./energy-sum.js";

/** Longer than this between two usable rows, and nothing is known of what flowed. */
export const LONGEST_BRIDGED_SECONDS = 5;
/** Problems kept with their line; the rest are counted. */
const PROBLEMS_KEPT = 200;
/** A pack has as many modules as its bus. */
const LARGEST_AMPS = 31 * READING.amps;

export interface RecordedSample {
  /** Of the file, from 1. */
  readonly line: number;
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
  /** What was read as what. */
  readonly columns: Columns;
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
 * be used is reported and passed over. Throws SimError `recording` when the header lacks a column, names one twice or
 * leaves open which it is, when a value is beyond what any module's reading can say, and when nothing playable is left.
 */
export function readRecording(source: Uint8Array | string, name: string): Recording {
  const text = typeof source === "string" ? source : new TextDecoder().decode(source);
  const lines = text.replace(/^\ufeff/, "").split(/\r\n|\n|\r/);
  const headerAt = lines.findIndex((line) => line.trim() !== "" && !line.startsWith("#"));
  const header = lines[headerAt];
  if (header === undefined) throw new SimError("recording", "input", `${name}: no header row`);
  const separator = [";", "\t", ","].find((one) => header.includes(one)) ?? ",";
  const refuse = (line: number, problem: string): never => {
    throw new SimError("recording", "input", `${name}, line ${line}: ${problem}`);
  };
  const headings = header.split(separator);
  const columns = findColumns(headings, (problem) => refuse(headerAt + 1, problem));
  const reader = new RowReader(columns, headings.length, separator, refuse);
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
  readonly #width: number;
  readonly #separator: string;
  readonly #refuse: (line: number, problem: string) => never;
  readonly #energy = new EnergySum();
  #problemCount = 0;
  #holes = 0;
  #holeSeconds = 0;
  #rowSeconds = Number.NEGATIVE_INFINITY;

  constructor(
    columns: Columns,
    width: number,
    separator: string,
    refuse: (line: number, problem: string) => never,
  ) {
    this.#columns = columns;
    this.#width = width;
    this.#separator = separator;
    this.#refuse = refuse;
  }

  read(text: string, line: number): void {
    if (text.trim() === "" || text.startsWith("#")) return;
    const fields = text.split(this.#separator);
    const problem = this.#tooWide(fields) ?? this.#take(fields, line);
    if (problem === undefined) return;
    this.#problemCount += 1;
    if (this.problems.length < PROBLEMS_KEPT) this.problems.push({ line, problem });
  }

  /** A decimal comma among separating ones shifts what follows; separators at the end do no harm. */
  #tooWide(fields: readonly string[]): string | undefined {
    const width = fields.findLastIndex((field) => field.trim() !== "") + 1;
    if (width <= this.#width) return undefined;
    return `${width} fields under a header of ${this.#width}`;
  }

  /** Returns why a row was passed over. */
  #take(fields: readonly string[], line: number): string | undefined {
    const seconds = this.#number(fields, this.#columns.time);
    if (!Number.isFinite(seconds)) return "no time";
    if (seconds <= this.#rowSeconds) return "time does not increase";
    this.#rowSeconds = seconds;
    const volts = this.#number(fields, this.#columns.volts);
    if (!Number.isFinite(volts) || volts < 0) return "no usable voltage";
    const amps = this.#number(fields, this.#columns.amps);
    if (!Number.isFinite(amps)) return "no usable current";
    if (volts > READING.volts) {
      this.#refuse(line, `${volts} V: a module's reading holds ${READING.volts} V at most`);
    }
    if (Math.abs(amps) > LARGEST_AMPS) {
      this.#refuse(line, `${amps} A: the readings of a pack hold ${LARGEST_AMPS} A at most`);
    }
    this.#add({ line, seconds, volts, amps }, fields);
    return undefined;
  }

  finish(name: string): Recording {
    return {
      name,
      columns: this.#columns,
      samples: this.samples,
      problems: this.problems,
      problemCount: this.#problemCount,
      holes: this.#holes,
      holeSeconds: this.#holeSeconds,
      wattHours: this.#energy.wattHours,
    };
  }

  #add(
    row: Pick<RecordedSample, "line" | "seconds" | "volts" | "amps">,
    fields: readonly string[],
  ): void {
    const { seconds, volts, amps } = row;
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
    const share = this.#number(fields, this.#columns.soc);
    const soc = share >= 0 && share <= 1 ? share : undefined;
    this.samples.push({ ...row, celsius, soc, afterHole });
  }

  #number(fields: readonly string[], column: Column | undefined): number {
    if (column === undefined) return Number.NaN;
    const text = (fields[column.at] ?? "").trim();
    if (text === "") return Number.NaN;
    const value = Number(this.#separator === "," ? text : text.replace(",", "."));
    return value / column.divisor;
  }
}

function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}
