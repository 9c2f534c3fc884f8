import { resolve } from "node:path";
import { type Clock, messageOf } from "@wattseal/base";
import { type CanBus, SLCAN_BIT_RATES } from "@wattseal/can-protocol";
import { connectBus, openSlcan } from "@wattseal/sim-hardware";
import { InvalidArgumentError } from "commander";
import { CliError } from "../errors.js";
import { openSerial } from "../ports/serial.js";
import { systemClock } from "../ports/system.js";

const DEFAULT_BIT_RATE = 500_000;
/** Of the module bus (docs/firmware/link.md §1). */
const DATA_BIT_RATE = 2_000_000;

export interface BusFlags {
  /** unix:PATH. */
  readonly bus?: string;
  readonly port?: string;
  readonly bitrate?: number;
  readonly fd: boolean;
}

export interface JoinedBus {
  readonly bus: CanBus;
  readonly clock: Clock;
  /** Settles with the reason when the bus is gone; never rejects. */
  readonly done: Promise<string>;
  close(): void;
}

export function parseBitRate(text: string): number {
  const bitRate = Number(text);
  if (SLCAN_BIT_RATES.includes(bitRate)) return bitRate;
  throw new InvalidArgumentError(`Use one of ${SLCAN_BIT_RATES.join(", ")}.`);
}

/** The bus that the flags name. Throws CliError. */
export async function joinBus(flags: BusFlags): Promise<JoinedBus> {
  const { bus, port, bitrate } = flags;
  if (bitrate !== undefined && port === undefined) {
    throw new CliError("usage", "--bitrate goes with --port: a served bus has its own");
  }
  if (port !== undefined) return joinPort(resolve(port), bitrate ?? DEFAULT_BIT_RATE, flags.fd);
  if (bus !== undefined) return joinServed(resolve(bus.slice("unix:".length)));
  throw new CliError("usage", "name the bus: --bus unix:PATH or --port DEVICE");
}

async function joinServed(path: string): Promise<JoinedBus> {
  try {
    return await connectBus(path);
  } catch (cause) {
    const hint = "Is the bus served? Start: wattseal sim --state DIR --speed 1";
    throw new CliError("unreachable", `${messageOf(cause)}. ${hint}`, { cause });
  }
}

async function joinPort(path: string, nominalBitRate: number, fd: boolean): Promise<JoinedBus> {
  const port = await openSerial(path);
  const clock = systemClock();
  const info = { nominalBitRate, dataBitRate: fd ? DATA_BIT_RATE : undefined };
  const bus = await openSlcan({ port, clock, info }).catch((cause: unknown) => {
    throw new CliError("unreachable", `${path}: ${messageOf(cause)}`, { cause });
  });
  if (!bus.acknowledges) {
    process.stderr.write(
      `${path} acknowledges nothing: frames go out paced, and what is lost on the way is not known\n`,
    );
  }
  return { bus, clock, done: bus.done, close: () => bus.close() };
}
