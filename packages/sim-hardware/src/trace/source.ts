import { createReadStream } from "node:fs";
import { DecodeError, messageOf } from "@wattseal/base";
import {
  type TraceFormat,
  type TraceProblems,
  type TraceRecord,
  traceFormatOf,
  traceReader,
} from "@wattseal/can-protocol";
import { SimError } from "../errors.js";

/** A trace being read: records in the order of the file, some at a time. */
export interface TraceSource {
  readonly batches: AsyncIterable<readonly TraceRecord[]>;
  /** Malformed lines or packets so far; they are passed over. */
  readonly problems: TraceProblems;
}

/** The format that the ending of `path` names. Throws SimError `configuration` for other endings. */
export function formatOfTrace(path: string): TraceFormat {
  const format = traceFormatOf(path);
  if (format !== undefined) return format;
  throw new SimError(
    "configuration",
    "usage",
    `${path}: a trace is named .log (candump), .asc (Vector) or .pcap`,
  );
}

/**
 * A trace in a file, read as fast as it is asked for. Reading throws SimError `trace-file` when there is no
 * such file, or when it is no trace at all.
 */
export function openTrace(path: string): TraceSource {
  const reader = traceReader(formatOfTrace(path));
  async function* batches(): AsyncGenerator<readonly TraceRecord[]> {
    let batch: TraceRecord[] = [];
    const take = (record: TraceRecord) => {
      batch.push(record);
    };
    try {
      for await (const chunk of createReadStream(path)) {
        reader.push(chunk, take);
        yield batch;
        batch = [];
      }
      reader.end(take);
    } catch (cause) {
      const kind = cause instanceof DecodeError ? "input" : "usage";
      throw new SimError("trace-file", kind, `${path}: ${messageOf(cause)}`, { cause });
    }
    yield batch;
  }
  return { batches: batches(), problems: reader.problems };
}
