import { stat } from "node:fs/promises";
import { lossesOf, type TraceLoss, type TraceProblems } from "@wattseal/can-protocol";
import { SimError } from "../errors.js";
import { TraceFile, type TraceFileCounts } from "./file.js";
import { formatOfTrace, openTrace } from "./source.js";

export interface TraceConversion extends TraceFileCounts {
  /** What was malformed, and so passed over. */
  readonly problems: TraceProblems;
  /** What of the records written the format has no place for: in how many. */
  readonly lost: ReadonlyMap<TraceLoss, number>;
}

/**
 * Writes the trace at `input` as another at `output`, each in the format that its ending names. Throws SimError
 * `configuration` and `trace-file`; an input that cannot be read, or that is malformed throughout, leaves the output as
 * it was.
 */
export async function convertTrace(input: string, output: string): Promise<TraceConversion> {
  const format = formatOfTrace(output);
  const { batches, problems } = openTrace(input);
  const lost = new Map<TraceLoss, number>();
  let file: TraceFile | undefined;
  try {
    for await (const batch of batches) {
      if (batch.length === 0) continue;
      file ??= await openOther(input, output, format);
      for (const record of batch) {
        if (!file.write(record)) continue;
        for (const loss of lossesOf(record, format)) lost.set(loss, (lost.get(loss) ?? 0) + 1);
      }
      await file.ready();
    }
  } catch (error) {
    await file?.close();
    throw error;
  }
  if (file === undefined && problems.count > 0) {
    await requireOther(input, output);
    return { path: output, records: 0, leftOut: 0, dropped: 0, problems, lost };
  }
  file ??= await openOther(input, output, format);
  return { ...(await file.close()), problems, lost };
}

async function openOther(
  input: string,
  output: string,
  format: ReturnType<typeof formatOfTrace>,
): Promise<TraceFile> {
  await requireOther(input, output);
  return TraceFile.open(output, format);
}

async function requireOther(input: string, output: string): Promise<void> {
  const [from, to] = await Promise.all([stat(input), stat(output).catch(() => undefined)]);
  if (to !== undefined && from.ino === to.ino && from.dev === to.dev) {
    throw new SimError("configuration", "usage", `${input} and ${output} are one file`);
  }
}
