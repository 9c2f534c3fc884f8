import { type BusInfo, slcanBitRate, slcanDataBitRate } from "@wattseal/can-protocol";
import { SimError } from "../errors.js";
import type { Answer } from "./dialogue.js";

const STEP_MS = 250;

type Ask = (command: string, withinMs: number) => Promise<Answer>;

export interface OpenedChannel {
  /** Whether it answered anything at all. */
  readonly answers: boolean;
  /** Undefined when it knows no F. */
  readonly flags: number | undefined;
}

/** Closes what may be open, sets the bit rates, opens. */
export async function openChannel(info: BusInfo, ask: Ask): Promise<OpenedChannel> {
  const rates = rateCommands(info);
  let answers = false;
  const step = async (command: string) => {
    const answer = await ask(command, STEP_MS);
    answers ||= answer !== undefined;
    return answer;
  };
  // The first ends whatever was half written before; a closed channel refuses either.
  await step("C");
  await step("C");
  await step("Z0"); // no time stamps
  await step("X1"); // frames as they come: only the oldest adapters need to be told
  for (const command of [...rates, "O"]) {
    if ((await step(command)) === "refused") {
      throw new SimError("slcan-adapter", "hardware", `the adapter refuses ${command}`);
    }
  }
  const answer = await step("F");
  return { answers, flags: typeof answer === "object" ? answer.flags : undefined };
}

function rateCommands({ nominalBitRate, dataBitRate }: BusInfo): string[] {
  const nominal = slcanBitRate(nominalBitRate);
  const data = dataBitRate === undefined ? undefined : slcanDataBitRate(dataBitRate);
  if (nominal === undefined || (dataBitRate !== undefined && data === undefined)) {
    throw new SimError(
      "configuration",
      "usage",
      `SLCAN has no number for ${nominal === undefined ? nominalBitRate : dataBitRate} bit/s`,
    );
  }
  return data === undefined ? [nominal] : [nominal, data];
}
