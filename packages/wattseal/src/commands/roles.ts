import { dirname, isAbsolute, join, resolve } from "node:path";
import { messageOf } from "@wattseal/base";
import { BusServer, connectBus } from "@wattseal/sim-hardware";
import { federationSchema } from "../config/federation-schema.js";
import { loadConfig } from "../config/file.js";
import { gatewaySchema } from "../config/gateway-schema.js";
import { CliError, EXIT } from "../errors.js";
import { onStopSignal } from "../ports/signals.js";
import { pinoLogger, systemWallClock } from "../ports/system.js";
import { openFederation } from "../roles/federation.js";
import { DRAIN_MS, openGateway, rollPackHalf, serveControl } from "../roles/gateway.js";
import { makeFolder } from "../state/files.js";
import { layoutOf } from "../state/layout.js";
import { holdModules } from "../state/modules.js";
import {
  checkPlan,
  endOf,
  isScripted,
  type Plan,
  type PlanOptions,
  planOf,
  reviewOf,
} from "./scenario.js";
import { openSimulator } from "./simulator.js";
import { openRecording, type TraceOptions } from "./trace.js";

/** What a simulation has been told to do begins with its first client, or after this time of the wall clock. */
const JOIN_MS = 60_000;

function untilSignal(): Promise<string> {
  return new Promise((stop) => {
    onStopSignal(() => stop("signal"));
  });
}

/** Until one of them settles, for `ms` of the wall clock at most. */
async function within(ms: number, ...events: readonly Promise<unknown>[]): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([late, ...events]);
  clearTimeout(timer);
}

function busPath(address: string, configPath: string): string {
  const path = address.slice("unix:".length);
  return isAbsolute(path) ? path : join(dirname(configPath), path);
}

/** `wattseal gateway`: the pack side, in the field's order: bus, log, links, uplink. */
export async function runGateway(options: {
  readonly state: string;
  readonly bus?: string;
  readonly broker?: string;
  readonly signer?: string;
  readonly rollHalf: boolean;
  readonly logLevel?: string;
}): Promise<number> {
  const layout = layoutOf(resolve(options.state));
  const path = layout.gateway.config;
  const config = await loadConfig({
    schema: gatewaySchema,
    path,
    environment: process.env,
    flags: {
      "bus.address": options.bus,
      "uplink.broker": options.broker,
      "signer.socket": options.signer && resolve(options.signer),
      "log.level": options.logLevel,
    },
  });
  const logger = pinoLogger("wattseal-gateway", config.log.level, process.stderr);
  const connection = await connectBus(busPath(config.bus.address, path)).catch((cause: unknown) => {
    throw new CliError(
      "unreachable",
      `${messageOf(cause)}. Is it served? Start: wattseal sim --state ${options.state}`,
      {
        cause,
      },
    );
  });
  const signal = untilSignal();
  try {
    const running = await openGateway({
      layout,
      config,
      bus: connection.bus,
      clock: connection.clock,
      // The server's time is nobody's to set.
      timeSource: {
        utc: () => connection.clock.now(),
        state: { synchronised: true, source: "simulated" },
        listen: () => () => {},
      },
      logger,
    });
    const { gateway } = running;
    const control = await serveControl({ layout, config, running, logger });
    const release = connection.addReader({ ready: () => gateway.ready() });
    logger.info("gateway.running", { modules: gateway.status().modules.length });
    if (options.rollHalf) await rollPackHalf(running, layout);
    const lost = connection.done.then((reason) => `bus lost: ${reason}`);
    const reason = await Promise.race([signal, lost]);
    logger.info("gateway.stopping", { reason });
    await control.close();
    release();
    await gateway.askStatements();
    const final = await gateway.stop(DRAIN_MS);
    await running.close();
    const { entries, witnessed, refusedEntries, stopped } = final;
    logger.info("gateway.stopped", { entries, witnessed, refusedEntries });
    if (reason.startsWith("bus lost")) {
      process.stderr.write(
        `wattseal: ${reason}. Start wattseal sim, then wattseal gateway again.\n`,
      );
      return EXIT.unavailable;
    }
    if (stopped !== undefined || refusedEntries > 0) return EXIT.unavailable;
    return witnessed === entries ? EXIT.ok : EXIT.failed;
  } finally {
    connection.close();
  }
}

/** `wattseal federation`: broker (if embedded), worker, store, witness. */
export async function runFederation(options: {
  readonly state: string;
  readonly broker?: string;
  readonly port?: string;
  readonly logLevel?: string;
}): Promise<number> {
  const layout = layoutOf(resolve(options.state));
  const config = await loadConfig({
    schema: federationSchema,
    path: layout.federation.config,
    environment: process.env,
    flags: {
      "broker.url": options.broker,
      "broker.port": options.port,
      "log.level": options.logLevel,
    },
  });
  const logger = pinoLogger("wattseal-federation", config.log.level, process.stderr);
  const signal = untilSignal();
  const federation = await openFederation({ layout, config, logger });
  logger.info("federation.running", {
    broker: federation.brokerUrl,
    registry: federation.registryUrl,
    queries: federation.queryUrl,
  });
  logger.info("federation.stopping", { reason: await signal });
  await federation.stop();
  return EXIT.ok;
}

/** A served bus carries time, not the gateway's UTC. */
function requireServable({ events }: Plan): void {
  if (!events.some(({ fault }) => fault.fault === "clock")) return;
  throw new CliError(
    "usage",
    "The clock fault sets the gateway's UTC, which is in another process here: use wattseal start.",
  );
}

/** `wattseal sim`: modules and bus as a process of their own, served over a unix socket; it owns the time. */
export async function runSimulator(
  options: TraceOptions &
    PlanOptions & {
      readonly state: string;
      readonly socket?: string;
      readonly speed: number;
      readonly fd: boolean;
      readonly logLevel: "debug" | "info" | "warn" | "error" | "silent";
    },
): Promise<number> {
  const layout = layoutOf(resolve(options.state));
  const logger = pinoLogger("wattseal-sim", options.logLevel, process.stderr);
  const plan = await planOf(options, process.cwd());
  requireServable(plan);
  const release = await holdModules(layout);
  const simulator = await openSimulator({ layout, plan, fd: options.fd, logger });
  checkPlan(plan, simulator.modules.length);
  const recording = await openRecording(options, process.cwd());
  recording.attach(simulator);
  const path = options.socket === undefined ? layout.sim.bus : resolve(options.socket);
  await makeFolder(dirname(path));
  const server = await BusServer.listen({
    kernel: simulator.kernel,
    bus: simulator.bus,
    path,
    wall: systemWallClock,
    logger,
  });
  logger.info("sim.running", { socket: path, modules: simulator.modules.length });
  const signal = untilSignal();
  if (isScripted(options)) {
    logger.info("sim.waiting", { forClient: "the first one", seconds: JOIN_MS / 1000 });
    await within(JOIN_MS, server.joined(), signal);
  }
  void signal.then(() => simulator.kernel.stop());
  void simulator.finished.then(() => simulator.kernel.stop());
  let status: number = EXIT.ok;
  const startedAt = simulator.kernel.now();
  try {
    await simulator.run({ speed: options.speed, ...endOf(plan, simulator) });
    const { unmet, notes } = reviewOf(plan, simulator, startedAt);
    for (const note of notes) logger.warn("sim.never", { note });
    for (const problem of unmet) {
      logger.error("sim.unexpected", { problem });
      status = EXIT.failed;
    }
  } catch (error) {
    logger.error("sim.failed", { error: messageOf(error) });
    status = EXIT.unavailable;
  }
  await server.close();
  await simulator.stop();
  await release();
  logger.info("sim.stopped", { speed: Math.round(simulator.kernel.speed.reached) });
  const recorded = await recording.close();
  for (const line of recorded.lines)
    logger[recorded.ok ? "info" : "error"]("sim.recorded", { file: line });
  return recorded.ok ? status : EXIT.unavailable;
}
