import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { messageOf } from "@wattseal/base";
import type { Federation } from "@wattseal/federation";
import type { Gateway, GatewayStatus } from "@wattseal/gateway";
import { readLegacyModules, type Simulator } from "@wattseal/sim-hardware";
import { auditFolder, readTrust } from "../audit/folder.js";
import { federationSchema } from "../config/federation-schema.js";
import { loadConfig } from "../config/file.js";
import { gatewaySchema } from "../config/gateway-schema.js";
import type { ControlServer } from "../control/server.js";
import { statusReplyOf } from "../control/status-reply.js";
import { CliError, EXIT } from "../errors.js";
import { onStopSignal } from "../ports/signals.js";
import { type LogLevel, pinoLogger, systemClock, systemEntropy } from "../ports/system.js";
import { openFederation } from "../roles/federation.js";
import { DRAIN_MS, openGateway, serveControl } from "../roles/gateway.js";
import type { OpenSigner } from "../roles/signer.js";
import { initDemo } from "../state/demo.js";
import { exists } from "../state/files.js";
import { type Layout, layoutOf } from "../state/layout.js";
import { checkModuleCount, holdModules, readModules } from "../state/modules.js";
import { chosenTpm, type TpmChoice, tpmSetting } from "../tpm/address.js";
import { LiveView } from "../view/live.js";
import { renderSummary, type Summary, summarise } from "../view/summary.js";
import { renderStatus } from "../view/table.js";
import { checkPlan, endOf, type Plan, type PlanOptions, planOf, reviewOf } from "./scenario.js";
import { openSimulator } from "./simulator.js";
import { openRecording, type Recording, type TraceOptions } from "./trace.js";

export interface StartOptions extends TraceOptions, PlanOptions {
  readonly modules?: number;
  readonly legacy?: number;
  readonly speed: number;
  /** Wall milliseconds. */
  readonly for?: number;
  readonly json: boolean;
  readonly fd: boolean;
  readonly state?: string;
  /** Of a folder that is made; one that is there has what it was made with. */
  readonly tpm?: TpmChoice;
  readonly logLevel: LogLevel;
}

const DEFAULT_MODULES = 8;
const FLEET = "demo";
/** npm runs scripts in the checkout's root. */
const WHERE_THE_USER_STOOD = process.env["INIT_CWD"] ?? process.cwd();

interface Running {
  readonly simulator: Simulator;
  readonly gateway: Gateway;
  readonly signer: OpenSigner;
  readonly federation: Federation;
  readonly control: ControlServer;
  /** Of the gateway's folder. */
  close(): Promise<void>;
}

/**
 * The whole system on embedded parts in one process, joined as in the field: gateway and modules by the bus,
 * gateway and federation by MQTT on loopback. Returns the exit status.
 */
export async function start(options: StartOptions): Promise<number> {
  const plan = await planOf(options, WHERE_THE_USER_STOOD);
  const layout = layoutOf(
    options.state === undefined
      ? join(await mkdtemp(join(tmpdir(), "wattseal-")), "state")
      : resolve(WHERE_THE_USER_STOOD, options.state),
  );
  const recording = await openRecording(options, WHERE_THE_USER_STOOD);
  await prepare(layout, options, plan);
  const running = await compose(layout, options, plan, recording);
  process.stderr.write(
    `In another terminal: wattseal status --state ${layout.root} (or society, isolate; docs/energy.md)\n`,
  );
  const view = new LiveView(options.json ? process.stderr : process.stdout, () =>
    renderStatus(statusReplyOf(running.gateway.status(), running.signer.status()), {
      speed: running.simulator.kernel.speed.reached,
      progress: running.simulator.progress,
    }),
  );
  const startedAt = running.simulator.kernel.now();
  const failure = await runUntilEnd(running, options, plan);
  view.stop();
  const { unmet, notes } = reviewOf(plan, running.simulator, startedAt);
  const summary = await drain(running, layout);
  const recorded = await recording.close();
  for (const line of recorded.lines) process.stderr.write(`${line}\n`);
  if (failure !== undefined) process.stderr.write(`${failure}\n`);
  for (const note of notes) process.stderr.write(`${note}\n`);
  for (const problem of unmet) process.stderr.write(`not as the scenario expects: ${problem}\n`);
  const text = renderSummary(summary);
  if (options.json) {
    process.stderr.write(text);
    process.stdout.write(`${JSON.stringify(summary.json)}\n`);
  } else process.stdout.write(text);
  if (!summary.ok || failure !== undefined || unmet.length > 0) return EXIT.failed;
  return recorded.ok ? EXIT.ok : EXIT.unavailable;
}

/** A fresh state folder is initialised; one that is there is used as it is. */
async function prepare(
  layout: Layout,
  { modules, legacy, fd, tpm = "auto" }: StartOptions,
  plan: Plan,
): Promise<void> {
  if (fd && (legacy ?? 0) > 0) {
    throw new CliError(
      "usage",
      "--legacy and --fd exclude each other: clear-text modules are classic-only nodes.",
    );
  }
  if (!(await exists(layout.gateway.directory))) {
    const count = modules ?? plan.modules ?? DEFAULT_MODULES;
    checkModuleCount(count, legacy ?? 0);
    await initDemo({
      layout,
      modules: count,
      legacy: legacy ?? 0,
      fleet: FLEET,
      broker: "mqtt://127.0.0.1:1883",
      tpm: await chosenTpm(tpm, layout.tpm),
      entropy: systemEntropy,
      clock: systemClock(),
    });
    return;
  }
  await requireTpm(layout, tpm);
  const flashes = await readModules(layout);
  const listed = await readLegacyModules(layout.sim.directory);
  if (legacy !== undefined && legacy !== listed.length) {
    throw new CliError(
      "usage",
      `${layout.root} holds ${listed.length} clear-text modules. Leave out --legacy, or choose another --state.`,
    );
  }
  if (modules === undefined || modules === flashes.length) return;
  throw new CliError(
    "usage",
    `${layout.root} holds a pack of ${flashes.length} modules. Leave out --modules, or choose another --state.`,
  );
}

/** An identity does not move: a folder's keys stay where they were made. */
async function requireTpm(layout: Layout, tpm: TpmChoice): Promise<void> {
  if (tpm === "auto") return;
  const { signer } = await loadConfig({
    schema: gatewaySchema,
    path: layout.gateway.config,
    environment: {},
    flags: {},
  });
  if (tpmSetting(await chosenTpm(tpm, layout.tpm)) === signer.tpm) return;
  throw new CliError(
    "usage",
    `${layout.root} holds a pack whose keys are held by "${signer.tpm}". Leave out --tpm, or choose another --state.`,
  );
}

/** Composes everything, or closes what was opened and throws. */
async function compose(
  layout: Layout,
  options: StartOptions,
  plan: Plan,
  recording: Recording,
): Promise<Running> {
  const opened: (() => Promise<unknown>)[] = [];
  try {
    return await composeInto(opened, layout, options, plan, recording);
  } catch (error) {
    for (const close of opened.reverse()) await close().catch(() => {});
    throw error;
  }
}

async function composeInto(
  opened: (() => Promise<unknown>)[],
  layout: Layout,
  options: StartOptions,
  plan: Plan,
  recording: Recording,
): Promise<Running> {
  const logger = pinoLogger("wattseal", options.logLevel, process.stderr);
  const environment = process.env;
  const federation = await openFederation({
    layout,
    config: await loadConfig({
      schema: federationSchema,
      path: layout.federation.config,
      environment,
      flags: { "broker.url": "embedded", "broker.port": 0 },
    }),
    logger,
  });
  opened.push(() => federation.stop());
  opened.push(await holdModules(layout));
  const simulator = await openSimulator({ layout, plan, fd: options.fd, logger });
  opened.push(() => simulator.stop());
  checkPlan(plan, simulator.modules.length);
  recording.attach(simulator);
  const config = await loadConfig({
    schema: gatewaySchema,
    path: layout.gateway.config,
    environment,
    flags: { "uplink.broker": federation.brokerUrl },
  });
  const running = await openGateway({
    layout,
    config,
    bus: simulator.bus.attach({ name: "gateway" }),
    clock: simulator.kernel,
    timeSource: simulator.timeSource,
    logger,
  });
  const { gateway, signer } = running;
  opened.push(() => running.close());
  const control = await serveControl({ layout, config, running, logger });
  simulator.kernel.addReader({ ready: () => gateway.ready() });
  return { simulator, gateway, signer, federation, control, close: running.close };
}

/** Resolves at Ctrl-C, after `--for`, at the end of a replay or scenario, or with what went wrong. */
async function runUntilEnd(
  { simulator, gateway }: Running,
  options: StartOptions,
  plan: Plan,
): Promise<string | undefined> {
  const failure: { reason: string | undefined } = { reason: undefined };
  const stop = () => simulator.kernel.stop();
  const timer = options.for === undefined ? undefined : setTimeout(stop, options.for);
  onStopSignal(stop);
  void simulator.finished.then(stop);
  const watch = setInterval(() => {
    failure.reason ??= gateway.status().stopped;
    if (failure.reason !== undefined) stop();
  }, 200);
  try {
    await simulator.run({ speed: options.speed, ...endOf(plan, simulator) });
  } catch (error) {
    failure.reason ??= messageOf(error);
  } finally {
    clearTimeout(timer);
    clearInterval(watch);
  }
  return failure.reason;
}

async function drain(running: Running, layout: Layout): Promise<Summary> {
  const { simulator, gateway, federation, control } = running;
  const speed = simulator.kernel.speed.reached;
  await control.close();
  await Promise.all([gateway.askStatements(), simulator.settle()]);
  const beforeStop: GatewayStatus = gateway.status();
  const final = await gateway.stop(DRAIN_MS);
  await running.close();
  await simulator.stop();
  await federation.stop();
  const audit = await auditFolder(layout.gateway.log, await readTrust(layout.gateway.trust));
  const sent = simulator.modules.reduce((sum, { link }) => sum + link.counts.sent, 0);
  return summarise({ beforeStop, final, audit, sent, speed, log: layout.gateway.log });
}
