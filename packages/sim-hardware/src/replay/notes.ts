import { RATED_AMP_HOURS } from "../pack/cells.js";
import { firstSoc } from "./cell-string.js";
import type { Column } from "./columns.js";
import { LONGEST_BRIDGED_SECONDS, type Recording } from "./recording.js";

/** Rows of a recorded drive are further apart than the first and closer than the second, in seconds. */
const CLOSEST_ROWS = 0.001;
const FARTHEST_ROWS = 60;

/** What whoever plays a recording should know about how it is read, a line each; the first says which columns. */
export function notesOf(recording: Recording): readonly string[] {
  return [
    columnsNote(recording),
    ...stepNote(recording),
    ...holesNote(recording),
    ...socNote(recording),
  ];
}

function columnsNote({ columns }: Recording): string {
  const { time, volts, amps, celsius, soc } = columns;
  return [
    said("time", time),
    said("voltage", volts),
    `${said("current", amps)} positive charging`,
    celsius === undefined ? "no temperature" : said("temperature", celsius),
    soc === undefined ? "no SOC" : said("SOC", soc),
  ].join(", ");
}

const said = (called: string, { name, unit }: Column): string => `${called} "${name}" in ${unit}`;

function stepNote({ samples, columns }: Recording): readonly string[] {
  const steps = samples.slice(1).map(({ seconds }, i) => seconds - (samples[i]?.seconds ?? 0));
  const median = steps.sort((a, b) => a - b)[Math.floor(steps.length / 2)] ?? 0;
  if (median >= CLOSEST_ROWS && median <= FARTHEST_ROWS) return [];
  const { name, unit } = columns.time;
  return [`rows are ${shown(median)} s apart: is "${name}" really in ${unit}?`];
}

function holesNote({ holes, holeSeconds }: Recording): readonly string[] {
  if (holes === 0) return [];
  const count = `${holes} ${holes === 1 ? "hole" : "holes"} of more than ${LONGEST_BRIDGED_SECONDS} s`;
  return [
    `${count}, ${shown(holeSeconds)} s in all: skipped, no energy counted across them, and a gap in the log`,
  ];
}

function socNote({ samples }: Recording): readonly string[] {
  const [first] = samples;
  if (first === undefined || first.soc !== undefined) return [];
  const percent = Math.round(firstSoc(first) * 100);
  return [
    `SOC is counted from ${percent} %, where cells at rest have the first voltage, by the capacity of the simulated modules (${RATED_AMP_HOURS} Ah each)`,
  ];
}

const shown = (seconds: number): string => String(Number(seconds.toPrecision(3)));
