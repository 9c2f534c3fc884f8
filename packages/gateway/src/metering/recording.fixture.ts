/** A recorder with its writer and books on a pack of `pack.fixture`, and modules that read as tests say. */
import { type Logger, micros, milliwattHours, moduleUid, silentLogger, slot } from "@wattseal/base";
import { encodeModuleMessage, type Telemetry } from "@wattseal/can-protocol";
import type { PairedModule } from "@wattseal/device-keys";
import { decodeEntry, type Entry, type EntryBody, type EntryType } from "@wattseal/energy-ledger";
import type { StoreFiles } from "@wattseal/tlog/store";
import { onTestFinished } from "vitest";
import { HandTimeSource } from "../clock.fixture.js";
import type { EvidenceSink } from "../evidence/sink.js";
import { LogWriter } from "../ledger/log-writer.js";
import type { LegacyUnit } from "../legacy/clear-bus.js";
import { makePack } from "../pack.fixture.js";
import { Books } from "../society/books.js";
import { ClockWatch } from "../time/clock-watch.js";
import { LogClock } from "../time/log-clock.js";
import { Recorder } from "./recorder.js";
import { ShuntCheck } from "./shunt-check.js";

export const SESSION = new Uint8Array(32).fill(7);
export const CAPACITY = milliwattHours(5_000_000);

export function moduleAt(place: number): PairedModule {
  return {
    uid: moduleUid(`570100000000000${place}`),
    slot: slot(place),
    busId: 0,
    half: new Uint8Array(32).fill(place),
    label: "",
    ratedCapacity: CAPACITY,
    ratedWatts: 20_000,
  };
}

export function telemetryOf(
  amps: number,
  counters: { in: number; out: number },
  soc = 50,
): Telemetry {
  return {
    kind: "telemetry",
    status1: { state: 3, status: 2, soc, soh: 98, cells: 94, current: amps, voltage: 350.01 },
    status2: { cellLow: 3.7, cellHigh: 3.75, cellAverage: 3.725, cellTotal: 349.995 },
    status3: { low: 20, high: 25, average: 21.93 },
    inMwh: milliwattHours(counters.in),
    outMwh: milliwattHours(counters.out),
    tick: 0,
    boot: 1,
  };
}

export function pairingOf(modules: readonly PairedModule[]) {
  const packHalf = { reference: "test", publicKey: new Uint8Array(32).fill(9) };
  return { packHash: new Uint8Array(32), packHalf, modules };
}

export async function recording(
  modules = [moduleAt(1)],
  legacy: readonly LegacyUnit[] = [],
  hasShunt = false,
  evidence?: EvidenceSink,
  {
    pack: known,
    files,
    resolution,
  }: {
    /** What there is room for. */
    readonly resolution?: () => EntryBody<"energy.resolution"> | undefined;
    /** One whose log is closed: this is its next run. */
    readonly pack?: Awaited<ReturnType<typeof makePack>>;
    /** The disk of its log. */
    readonly files?: (directory: string) => StoreFiles;
  } = {},
) {
  const pack = known ?? (await makePack((cleanUp) => onTestFinished(cleanUp)));
  const { clock } = pack;
  const timeSource = new HandTimeSource(clock);
  const logClock = new LogClock(clock, timeSource.utc());
  const log = await pack.openLog({
    clock: logClock,
    steady: clock,
    files: files?.(pack.directory),
  });
  onTestFinished(() => log.close());
  await pack.begin(log);
  const pairing = pairingOf(modules);
  await log.append(...log.entered.missingPairings(pairing));
  await log.append(...log.entered.missingStatements(pack.statements));
  const complaints: string[] = [];
  const warnings: { readonly event: string; readonly fields: unknown }[] = [];
  const logger: Logger = {
    ...silentLogger,
    warn: (event, fields) => {
      warnings.push({ event, fields });
    },
    error: (event, fields) => {
      complaints.push(`${event} ${fields?.["error"]}`);
    },
  };
  const writer = new LogWriter({ log, clock: logClock, logger });
  const books = new Books({
    log,
    writer,
    pairing,
    legacy,
    source: "charger",
    clock: logClock,
    logger,
  });
  const shunt = hasShunt
    ? new ShuntCheck({
        name: "pack-shunt",
        log,
        writer,
        logger,
        modules: modules.map(({ uid }) => uid),
      })
    : undefined;
  const recorder = new Recorder({
    log,
    writer,
    books,
    pairing,
    legacy,
    shunt,
    evidence,
    resolution,
    steady: clock,
    clock: logClock,
    onMinute: () => {},
    onWindow: () => {},
  });
  const watch = new ClockWatch({
    steady: clock,
    source: timeSource,
    clock: logClock,
    inTurn: (change) => void writer.inTurn(change),
    stepping: () => recorder.interrupt(),
    changed: (body) => void writer.record({ type: "ops.clock", body }),
  });
  watch.start();
  recorder.start();
  let counter = 0;

  /** A reading now, at 350 V and `amps`, with these counters, `soc` in per cent. */
  const read = (
    module: PairedModule,
    amps: number,
    counters: { in: number; out: number },
    into: Recorder = recorder,
    soc = 50,
    session = SESSION,
  ) => {
    const telemetry = telemetryOf(amps, counters, soc);
    const { type, class: cls, body } = encodeModuleMessage(telemetry);
    const time = micros(pack.clock.now() * 1000);
    into.telemetry(module, {
      time,
      class: cls,
      counter,
      type,
      body,
      length: 64,
      tag: new Uint8Array(16).fill(counter),
      message: telemetry,
      handshakeHash: session,
    });
    counter += 1;
    return body;
  };
  /** `seconds` of one reading a second at constant power; returns the energy that passed, mWh. */
  const run = (
    module: PairedModule,
    seconds: number,
    amps: number,
    from: { in: number; out: number },
  ) => {
    const at = { ...from };
    for (let second = 0; second < seconds; second += 1) {
      pack.clock.advance(1000);
      const passed =
        Math.round((Math.abs(amps) * 350.01 * (second + 1)) / 3.6) -
        Math.round((Math.abs(amps) * 350.01 * second) / 3.6);
      if (amps > 0) at.in += passed;
      else at.out += passed;
      read(module, amps, at);
    }
    return at;
  };
  const entries = <T extends EntryType>(type: T): EntryBody<T>[] =>
    bodiesOf(log.store.entries(), type);
  const told = { complaints, warnings };
  return {
    ...pack,
    log,
    pairing,
    logger,
    writer,
    books,
    recorder,
    timeSource,
    logClock,
    shunt,
    read,
    run,
    entries,
    modules,
    ...told,
  };
}

/** Of the entries of one type, in their order. */
export function bodiesOf<T extends EntryType>(
  entries: Iterable<Uint8Array>,
  type: T,
): EntryBody<T>[] {
  const found: EntryBody<T>[] = [];
  for (const bytes of entries) {
    const entry = decodeEntry(bytes);
    if (isType(entry, type)) found.push(entry.body);
  }
  return found;
}

function isType<T extends EntryType>(
  entry: Entry,
  type: T,
): entry is Entry & { readonly body: EntryBody<T> } {
  return entry.type === type;
}
