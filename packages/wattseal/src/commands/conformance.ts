import { MODULE_STATE } from "@wattseal/can-protocol";
import {
  CONFORMANCE_POINTS,
  type ConformanceOptions,
  type ConformanceReport,
  type PointReport,
  runConformance,
  SimError,
} from "@wattseal/sim-hardware";
import { InvalidArgumentError } from "commander";
import { readBench } from "../conformance/bench.js";
import { type BusFlags, type JoinedBus, joinBus } from "../conformance/bus.js";
import { CliError, EXIT } from "../errors.js";
import { systemEntropy } from "../ports/system.js";
import { writeOut } from "../view/output.js";

export const STATES = ["off", "standby", "precharge", "on"] as const;
const ID_WIDTH = 22;
const MARKS = { passed: "passed ", failed: "FAILED ", "not-observed": "-      " } as const;

export interface ConformanceFlags extends BusFlags {
  readonly slot: number;
  readonly pairing: string;
  readonly key?: string;
  readonly federationKey?: string;
  readonly only?: readonly string[];
  readonly allow: (typeof STATES)[number];
  readonly reset: boolean;
  readonly keyRoll: boolean;
  readonly erase: boolean;
  readonly json: boolean;
}

export function parseSlot(text: string): number {
  const slot = Number(text);
  if (!/^\d+$/.test(text) || slot < 1 || slot > 31) throw new InvalidArgumentError("Use 1 to 31.");
  return slot;
}

export function parseBusAddress(text: string): string {
  if (!/^unix:./.test(text)) throw new InvalidArgumentError("Use unix:PATH of a served bus.");
  return text;
}

/** Ids of points, separated by commas. */
export function parsePoints(text: string): readonly string[] {
  const ids = text.split(",");
  const unknown = ids.find((id) => CONFORMANCE_POINTS.every((point) => point.id !== id));
  if (unknown === undefined) return ids;
  throw new InvalidArgumentError(`"${unknown}" is no point of docs/firmware/conformance.md.`);
}

/** `wattseal sim conformance`: exit status 1 when a point failed. */
export async function conformance(flags: ConformanceFlags): Promise<number> {
  const pairing = await readBench(flags);
  const connection = await joinBus(flags).catch((error: unknown) => {
    pairing.dispose();
    throw error;
  });
  try {
    if (flags.fd && connection.bus.info.dataBitRate === undefined) {
      throw new CliError("usage", "--fd: this bus is configured as classic");
    }
    const report = await raced(connection, {
      bus: connection.bus,
      clock: connection.clock,
      entropy: systemEntropy,
      pairing,
      fd: flags.fd,
      highestState: MODULE_STATE[flags.allow],
      keyRoll: flags.keyRoll,
      erase: flags.erase,
      ...(flags.only === undefined ? {} : { only: flags.only }),
      progress: (point) => {
        process.stderr.write(`${pointText(point)}\n`);
      },
      ...(flags.reset ? { reset: askForReset } : {}),
    });
    await writeOut(flags.json ? `${JSON.stringify(report)}\n` : summaryText(report));
    return report.failed === 0 ? EXIT.ok : EXIT.failed;
  } finally {
    connection.close();
    pairing.dispose();
  }
}

/** The bus may go while nothing is due. */
async function raced(
  connection: JoinedBus,
  options: ConformanceOptions,
): Promise<ConformanceReport> {
  const lost = connection.done.then((reason) => {
    throw new SimError("bus-closed", "hardware", `the bus is gone: ${reason}`);
  });
  return Promise.race([runConformance(options), lost]);
}

/** Of the person's time: the bus's may run faster. */
const RESET_MS = 60_000;

function askForReset(): () => boolean {
  process.stderr.write(">> reset the module now: a minute is left, on the wall clock\n");
  const end = performance.now() + RESET_MS;
  return () => performance.now() >= end;
}

function pointText({ id, verdict, seen, section, requirement }: PointReport): string {
  const head = `${MARKS[verdict]} ${id.padEnd(ID_WIDTH)} ${seen}`;
  if (verdict !== "failed") return head;
  return `${head}\n        ${"".padEnd(ID_WIDTH)} required: ${requirement} (docs/firmware, ${section})`;
}

function summaryText(report: ConformanceReport): string {
  const { uid, slot, passed, failed, notObserved, seconds } = report;
  return `module ${uid}, slot ${slot}: ${passed} passed, ${failed} failed, ${notObserved} not observed, in ${seconds} s of bus time\n`;
}
