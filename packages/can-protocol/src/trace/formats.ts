import { AscDecoder } from "./asc-reader.js";
import { AscWriter } from "./asc-writer.js";
import { CandumpWriter, decodeCandump } from "./candump.js";
import type { TraceReader, TraceWriter } from "./codec.js";
import { PCAP_CHANNEL } from "./losses.js";
import { PcapReader, PcapWriter } from "./pcap.js";
import { TextReader } from "./text-reader.js";

/** Trace formats, by the ending of a file's name. */
const ENDING = { ".log": "candump", ".asc": "asc", ".pcap": "pcap" } as const;

export type TraceFormat = (typeof ENDING)[keyof typeof ENDING];

/** Undefined when the name ends otherwise than in .log, .asc or .pcap. */
export function traceFormatOf(path: string): TraceFormat | undefined {
  const name = path.toLowerCase();
  return Object.entries(ENDING).find(([ending]) => name.endsWith(ending))?.[1];
}

export function traceReader(format: TraceFormat): TraceReader {
  if (format === "pcap") return new PcapReader(PCAP_CHANNEL);
  if (format === "candump") return new TextReader(decodeCandump);
  const asc = new AscDecoder();
  return new TextReader((line) => asc.decode(line));
}

export function traceWriter(format: TraceFormat): TraceWriter {
  if (format === "pcap") return new PcapWriter();
  return format === "candump" ? new CandumpWriter() : new AscWriter();
}
