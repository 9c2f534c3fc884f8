import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Logger, toHex } from "@wattseal/base";
import type { Federation } from "@wattseal/federation";
import type { BrokerAccess } from "@wattseal/gateway";
import { lockFolder } from "@wattseal/sim-hardware";
import { fleetName } from "@wattseal/uplink";
import { InvalidArgumentError } from "commander";
import { type FederationConfig, federationSchema } from "../config/federation-schema.js";
import { loadConfig } from "../config/file.js";
import { CliError, EXIT } from "../errors.js";
import { Fleet, FleetTally, forEach } from "../fleet/fleet.js";
import { LightPack } from "../fleet/light-pack.js";
import { preparePacks } from "../fleet/pack-folders.js";
import { seeded } from "../fleet/seeded.js";
import { onStopSignal } from "../ports/signals.js";
import {
  type LogLevel,
  pinoLogger,
  steadyClock,
  systemClock,
  systemEntropy,
} from "../ports/system.js";
import { openFederation } from "../roles/federation.js";
import { type PackFiles, readPackFiles } from "../roles/pack-files.js";
import { readBrokerAccess } from "../state/broker-access.js";
import { initDemo } from "../state/demo.js";
import { exists, makeFolder } from "../state/files.js";
import { type Layout, layoutOf, WITNESS_NAME } from "../state/layout.js";
import { FleetView, renderFleetSummary } from "../view/fleet.js";
import { LiveView } from "../view/live.js";
import { writeOut } from "../view/output.js";
import { withProgress } from "../view/progress.js";

export interface FleetOptions {
  readonly packs: number;
  readonly modules: number;
  /** Entries a second of each pack. */
  readonly rate: number;
  /** Wall ms; undefined: until Ctrl-C. */
  readonly for?: number;
  /** ms that the last receipts are waited for. */
  readonly drain?: number;
  readonly broker?: string;
  readonly embedded: boolean;
  readonly certificates?: string;
  readonly state?: string;
  readonly seed: number;
  readonly names: boolean;
  readonly json: boolean;
  readonly logLevel: LogLevel;
}

/** Beside its modules' intervals a minute has a window, and every other one a charge. */
const OTHERS_A_MINUTE = 1.5;
const DRAIN_MS = 60_000;
const MOST_PACKS = 9999;

export function parsePacks(text: string): number {
  const packs = Number(text);
  if (Number.isInteger(packs) && packs >= 1 && packs <= MOST_PACKS) return packs;
  throw new InvalidArgumentError(`Use 1 to ${MOST_PACKS}.`);
}

export function parseRate(text: string): number {
  const rate = Number(text);
  if (rate > 0 && rate <= 10_000) return rate;
  throw new InvalidArgumentError("Use entries a second of each pack, above 0 to 10000.");
}

export function parseSeed(text: string): number {
  const seed = Number(text);
  if (Number.isSafeInteger(seed) && seed >= 0) return seed;
  throw new InvalidArgumentError("Use a whole number, 0 or more.");
}

/** `wattseal sim fleet`: light packs with real logs, signatures and uplinks. Returns the exit status. */
export async function simFleet(options: FleetOptions): Promise<number> {
  checkOptions(options);
  const temporary =
    options.state === undefined ? await mkdtemp(join(tmpdir(), "wattseal-fleet-")) : undefined;
  const layout = layoutOf(resolve(options.state ?? join(temporary ?? "", "state")));
  const opened: (() => Promise<unknown>)[] = [];
  try {
    return await runFleet(layout, options, opened);
  } finally {
    for (const close of opened.reverse()) await close();
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
  }
}

function checkOptions({ broker, embedded, state, certificates, names }: FleetOptions): void {
  const problem =
    !names && (broker === undefined) !== embedded
      ? "Say which: --broker URL, or --embedded for a federation in this process."
      : state === undefined && !embedded
        ? "--state DIR is needed: whoever receives must accept its authority (wattseal federation --state DIR)."
        : embedded && certificates !== undefined
          ? "--certificates are for a broker that is reached over mqtts://."
          : undefined;
  if (problem !== undefined) throw new CliError("usage", problem);
}

async function runFleet(
  layout: Layout,
  options: FleetOptions,
  opened: (() => Promise<unknown>)[],
): Promise<number> {
  const { names, json } = options;
  if (!(await exists(layout.authority.directory))) await makeState(layout, options);
  const config = await loadConfig({
    schema: federationSchema,
    path: layout.federation.config,
    environment: process.env,
    flags: options.embedded ? { "broker.url": "embedded", "broker.port": 0 } : {},
  });
  await makeFolder(layout.fleet);
  opened.push(await lockFolder(layout.fleet));
  const layouts = await withProgress("packs made", (progress) =>
    preparePacks({
      ...options,
      layout,
      fleet: config.fleet,
      entropy: systemEntropy,
      clock: systemClock(),
      progress,
    }),
  );
  const packs = await Promise.all(
    layouts.map(async (pack) => ({ pack, files: await readPackFiles(pack) })),
  );
  if (names) {
    const labels = packs.map(({ files }) => files.document.label);
    await writeOut(`${json ? JSON.stringify(labels) : labels.join("\n")}\n`);
    return EXIT.ok;
  }
  const logger = pinoLogger("wattseal-fleet", options.logLevel, process.stderr);
  const federation = options.embedded
    ? await openFederation({ layout, config, logger })
    : undefined;
  if (federation !== undefined) opened.push(() => federation.stop());
  const residentBefore = process.memoryUsage().rss;
  const tally = new FleetTally(steadyClock());
  const light = await openPacks({
    layout,
    config,
    options,
    packs,
    federation,
    tally,
    logger,
    opened,
  });
  logger.info("fleet.running", { packs: light.length });
  return watch(new Fleet(light, tally), { options, federation, residentBefore });
}

/** The authority, the federation's keys and configuration, and a demonstration pack beside the fleet's. */
async function makeState(layout: Layout, { broker }: FleetOptions): Promise<void> {
  await initDemo({
    layout,
    modules: 1,
    legacy: 0,
    fleet: "demo",
    broker: broker ?? "mqtt://127.0.0.1:1883",
    tpm: undefined,
    entropy: systemEntropy,
    clock: systemClock(),
  });
}

async function openPacks(of: {
  readonly layout: Layout;
  readonly config: FederationConfig;
  readonly options: FleetOptions;
  readonly packs: readonly { readonly pack: Layout; readonly files: PackFiles }[];
  readonly federation: Federation | undefined;
  readonly tally: FleetTally;
  readonly logger: Logger;
  readonly opened: (() => Promise<unknown>)[];
}): Promise<readonly LightPack[]> {
  const { layout, config, options, packs, federation, tally, logger, opened } = of;
  const broker = federation?.brokerUrl ?? options.broker ?? "";
  const open = packs.map<LightPack | undefined>(() => undefined);
  const there = () => open.flatMap((pack) => pack ?? []);
  const logDurable = options.logLevel === "debug";
  opened.push(() => forEach(there(), (pack) => pack.close()));
  await withProgress("packs opened", async (progress) => {
    let done = 0;
    await forEach(packs, async ({ pack, files }, index) => {
      const destination = files.trust.witnesses.find(({ name }) => name === WITNESS_NAME);
      if (destination === undefined) {
        throw new CliError("config", `${pack.gateway.trust} names no witness ${WITNESS_NAME}`);
      }
      const light = await LightPack.open({
        layout: pack,
        files,
        broker,
        access: await accessOf(layout, options, files.document.label),
        fleet: fleetName(config.fleet),
        destination,
        clock: steadyClock(),
        entropy: systemEntropy,
        madeUp: seeded(`${options.seed} ${index}`),
        logger: tally.listening(logger),
        listener: tally,
        onDurable: logDurable
          ? (entry, leaf) =>
              logger.debug("ledger.durable", {
                pack: files.document.label,
                index: entry,
                leaf: toHex(leaf),
              })
          : undefined,
      });
      open[index] = light;
      done += 1;
      progress(done, packs.length);
    });
  });
  return there();
}

/** `ca.pem`, and NAME.pem with NAME.key for each pack. */
async function accessOf(
  { gateway }: Layout,
  { certificates, broker = "" }: FleetOptions,
  name: string,
): Promise<BrokerAccess | undefined> {
  if (certificates === undefined) return undefined;
  const file = (end: string) => resolve(certificates, end);
  return readBrokerAccess({
    path: gateway.config,
    table: "uplink",
    url: broker,
    config: {
      ca: file("ca.pem"),
      certificate: file(`${name}.pem`),
      key: file(`${name}.key`),
      passwordFile: "",
    },
    now: systemClock().now(),
  });
}

async function watch(
  fleet: Fleet,
  {
    options,
    federation,
    residentBefore,
  }: {
    readonly options: FleetOptions;
    readonly federation: Federation | undefined;
    readonly residentBefore: number;
  },
): Promise<number> {
  const { modules, rate, seed, json } = options;
  const phases = seeded(`${seed} phases`);
  const phase = () => (phases.bytes(1)[0] ?? 0) / 256;
  fleet.start((1000 * (modules + OTHERS_A_MINUTE)) / rate, phase);
  const resident = () => process.memoryUsage().rss - residentBefore;
  const view = new FleetView(() => ({
    ...fleet.status(),
    residentBytes: resident(),
    federation: federation?.stats,
  }));
  const live = new LiveView(json ? process.stderr : process.stdout, () => view.render());
  await ended(options.for);
  const running = view.now();
  await fleet.finish(options.drain ?? DRAIN_MS);
  live.stop();
  const final = view.now();
  const differences = federation && (await fleet.differences(federation));
  const summary = {
    ...final,
    // of the run alone: what was signed at its end did not wait to become due
    entryToReceipt: running.entryToReceipt,
    signedToReceipt: running.signedToReceipt,
    publishToPuback: running.publishToPuback,
    comparedByteForByte: differences !== undefined,
    differences: differences ?? [],
  };
  const ok =
    final.witnessed === final.durable &&
    final.refused === 0 &&
    final.stopped.length === 0 &&
    summary.differences.length === 0;
  const lines = renderFleetSummary(summary, ok);
  if (json) {
    process.stderr.write(`${lines.join("\n")}\n`);
    await writeOut(`${JSON.stringify({ ok, ...summary })}\n`);
  } else await writeOut(`${lines.join("\n")}\n`);
  return ok ? EXIT.ok : EXIT.failed;
}

function ended(ms: number | undefined): Promise<void> {
  return new Promise((stop) => {
    const timer = ms === undefined ? undefined : setTimeout(stop, ms);
    onStopSignal(() => {
      clearTimeout(timer);
      stop();
    });
  });
}
