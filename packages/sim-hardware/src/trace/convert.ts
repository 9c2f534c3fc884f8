import { stat } from "node:fs/promises";
import type { TraceProblems } from "@wattseal/can-protocol";
import { SimError } from "../errors.js";
import { TraceFile, type TraceFileCounts } from "./file.js";
import { formatOfTrace, openTrace } from "./source.js";

export interface TraceConversion extends TraceFileCounts {
  /** What was malformed, and so passed over. */
  readonly problems: TraceProblems;
}

/**
 * Writes the trace at `input` as another at `output`, each in the format that its ending names. Throws SimError
 * `configuration` and `trace-file`; an input that cannot be read leaves the output as it was.
 */
export async function convertTrace(input: string, output: string): Promise<TraceConversion> {
  const format = formatOfTrace(output);
  const { batches, problems } = openTrace(input);
  let file: TraceFile | undefined;
  try {
    for await (const batch of batches) {
      file ??= await openOther(input, output, format);
      for (const record of batch) file.write(record);
      await file.ready();
    }
  } catch (error) {
    await file?.close();
    throw error;
  }
  file ??= await openOther(input, output, format);
  return { ...(await file.close()), problems };
}

async function openOther(
  input: string,
  output: string,
  format: ReturnType<typeof formatOfTrace>,
): Promise<TraceFile> {
  const [from, to] = await Promise.all([stat(input), stat(output).catch(() => undefined)]);
  if (to !== undefined && from.ino === to.ino && from.dev === to.dev) {
    throw new SimError("configuration", "usage", `${input} and ${output} are one file`);
  }
  return TraceFile.open(output, format);
}
