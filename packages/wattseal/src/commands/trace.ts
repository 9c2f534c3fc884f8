import { resolve } from "node:path";
import { messageOf } from "@wattseal/base";
import {
  BusRecorder,
  convertTrace,
  type Simulator,
  type TraceConversion,
} from "@wattseal/sim-hardware";
import { EXIT } from "../errors.js";

const PROBLEMS_SHOWN = 10;
/** What other tools call the simulated bus. */
const CHANNEL = "vcan0";

/** Files that a run's bus is to be recorded into. */
export interface TraceOptions {
  readonly candump?: string;
  readonly pcap?: string;
}

export interface Recording {
  /** Records from now on; time waits for a slow disk. */
  attach(simulator: Simulator): void;
  /** Ends the files. Says what they hold, or what is wrong with them. */
  close(): Promise<{ readonly ok: boolean; readonly lines: readonly string[] }>;
}

/** Opens the files that the options name, relative to `folder`, so that a wrong path is told before anything runs. */
export async function openRecording(options: TraceOptions, folder: string): Promise<Recording> {
  const { candump, pcap } = options;
  const files = [
    ...(candump === undefined
      ? []
      : [{ path: resolve(folder, candump), format: "candump" as const }]),
    ...(pcap === undefined ? [] : [{ path: resolve(folder, pcap), format: "pcap" as const }]),
  ];
  const recorder = await BusRecorder.open(files);
  return {
    attach({ kernel, bus }) {
      if (files.length === 0) return;
      kernel.addReader(recorder);
      recorder.tap(bus, CHANNEL);
    },
    async close() {
      try {
        const counts = await recorder.close();
        return {
          ok: true,
          lines: counts.map(({ path, records }) => `${path}: ${records} records`),
        };
      } catch (error) {
        return { ok: false, lines: [messageOf(error)] };
      }
    },
  };
}

/** `wattseal sim convert`: exit status 1 when not one line or packet of the input could be used. */
export async function convert(
  input: string,
  output: string,
  options: { readonly json: boolean },
): Promise<number> {
  const { records, leftOut, problems, lost } = await convertTrace(resolve(input), resolve(output));
  for (const { place, problem } of problems.first.slice(0, PROBLEMS_SHOWN)) {
    process.stderr.write(`${input}:${place}: ${problem}\n`);
  }
  const more = problems.count - PROBLEMS_SHOWN;
  if (more > 0) process.stderr.write(`${input}: ${more} more like these\n`);
  const counts = { records, malformed: problems.count, leftOut, lost: Object.fromEntries(lost) };
  const nothing = records === 0 && problems.count > 0;
  const text = nothing
    ? `${output} is not written: nothing of ${input} was usable, ${problems.count} malformed\n`
    : `${output}: ${records} records; ${problems.count} malformed, ${leftOut} that the format cannot hold\n${lossText(lost)}`;
  process.stdout.write(options.json ? `${JSON.stringify(counts)}\n` : text);
  return nothing ? EXIT.failed : EXIT.ok;
}

function lossText(lost: TraceConversion["lost"]): string {
  if (lost.size === 0) return "";
  const list = [...lost].map(([loss, count]) => `${loss} (${count})`).join(", ");
  return `not kept, for want of a place in the format: ${list}\n`;
}
