import { resolve } from "node:path";
import { messageOf } from "@wattseal/base";
import { MODULE_STATE } from "@wattseal/can-protocol";
import {
  type BusConnection,
  type ConformanceOptions,
  type ConformanceReport,
  connectBus,
  type PointReport,
  runConformance,
  SimError,
} from "@wattseal/sim-hardware";
import { InvalidArgumentError } from "commander";
import { readBench } from "../conformance/bench.js";
import { CliError, EXIT } from "../errors.js";
import { systemEntropy } from "../ports/system.js";
import { writeOut } from "../view/output.js";

export const STATES = ["off", "standby", "precharge", "on"] as const;
const ID_WIDTH = 22;
const MARKS = { passed: "passed ", failed: "FAILED ", "not-observed": "-      " } as const;

export interface ConformanceFlags {
  readonly bus: string;
  readonly slot: number;
  readonly pairing: string;
  readonly key?: string;
  readonly federationKey?: string;
  readonly fd: boolean;
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

/** `wattseal sim conformance`: exit status 1 when a point failed. */
export async function conformance(flags: ConformanceFlags): Promise<number> {
  const pairing = await readBench(flags);
  const connection = await connected(flags.bus.slice("unix:".length));
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

async function connected(path: string): Promise<BusConnection> {
  try {
    return await connectBus(resolve(path));
  } catch (cause) {
    const hint = "Is the bus served? Start: wattseal sim --state DIR --speed 1";
    throw new CliError("unreachable", `${messageOf(cause)}. ${hint}`, { cause });
  }
}

/** The bus may go while nothing is due. */
async function raced(
  connection: BusConnection,
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
