/** Runs of a gateway as far as its log, its epochs and its metering go, one after the other on one pack. */
import { setImmediate } from "node:timers/promises";
import { bytesEqual, type Logger, micros, silentLogger } from "@wattseal/base";
import { encodeModuleMessage } from "@wattseal/can-protocol";
import type { PairedModule } from "@wattseal/device-keys";
import type { Signer } from "@wattseal/lct-keys";
import { auditLog } from "@wattseal/verifier";
import { onTestFinished } from "vitest";
import { HandTimeSource } from "../clock.fixture.js";
import { Recorder } from "../metering/recorder.js";
import { pairingOf, SESSION, telemetryOf } from "../metering/recording.fixture.js";
import type { makePack } from "../pack.fixture.js";
import { Books } from "../society/books.js";
import { LogClock } from "../time/log-clock.js";
import type { ContinuedLog } from "./energy-log-options.js";
import { EpochKeeper } from "./epoch-keeper.js";
import { LogWriter } from "./log-writer.js";

type Pack = Awaited<ReturnType<typeof makePack>>;

/** What a run left. */
interface Stopped {
  readonly entries: readonly Uint8Array[];
  /** The last signed checkpoint. */
  readonly head: string | undefined;
}

/** At 350.01 V, and read once a second. */
const AMPS = 10;
const MWH_A_SECOND = 972;

/** What the modules count goes on whatever the gateway does. */
export function gatewayRuns(pack: Pack, modules: readonly PairedModule[]) {
  const { clock } = pack;
  const source = new HandTimeSource(clock);
  const pairing = pairingOf(modules);
  const from = clock.now();
  let told = 0;

  /** Each module's register of energy taken in, now, mWh. */
  const counted = () => Math.round(((clock.now() - from) / 1000) * MWH_A_SECOND);

  const start = async (openSigner: (log: ContinuedLog) => Promise<Signer>) => {
    const logClock = new LogClock(clock, source.utc());
    const said: string[] = [];
    const say = (event: string) => void said.push(event);
    const logger: Logger = { ...silentLogger, info: say, warn: say, error: say };
    const log = await pack.openLog({ clock: logClock, steady: clock, openSigner, logger });
    onTestFinished(() => log.close().catch(() => {}));
    logClock.notBefore(log.fold.time);
    const writer = new LogWriter({ log, clock: logClock, logger });
    const parts = { log, writer, pairing, clock: logClock, steady: clock, logger };
    const books = new Books({ ...parts, source: "charger" });
    const recorder: Recorder = new Recorder({
      ...parts,
      books,
      onMinute: () => keeper.whenDue(),
      onWindow: () => {},
    });
    const keeper: EpochKeeper = new EpochKeeper({
      ...parts,
      delivery: { receipt: undefined, epochRenewed: () => {} },
      timeSource: source,
      enterNew: async () => {
        for (const draft of log.entered.missingPairings(pairing)) await log.append(draft);
        for (const draft of log.entered.missingStatements(pack.statements)) await log.append(draft);
      },
      closeEarly: () => recorder.closeEarly(),
      onUnsigned: () => {},
    });
    const signed: number[] = [];
    await log.prepare({
      pending: pack.loadPending(log),
      onSigned: (size) => void signed.push(size),
      onAway: (error) => keeper.lost(error),
    });
    await keeper.start();
    recorder.start();

    const read = (module: PairedModule) => {
      const message = telemetryOf(AMPS, { in: counted(), out: 0 });
      recorder.telemetry(module, {
        ...encodeModuleMessage(message),
        time: micros(clock.now() * 1000),
        counter: told,
        length: 64,
        tag: new Uint8Array(16).fill(told),
        message,
        handshakeHash: SESSION,
      });
      told += 1;
    };
    /** So many seconds, with a reading of each module at the end of each; waits for disk and signer in between. */
    const pass = async (seconds: number) => {
      for (let second = 0; second < seconds; second += 1) {
        clock.advance(1000);
        for (const module of modules) read(module);
        await setImmediate();
        await keeper.running;
        await log.settled();
        await writer.settled();
      }
    };
    /** As Gateway.stop does it. */
    const stop = async (): Promise<Stopped> => {
      recorder.stop();
      await keeper.stop();
      if (log.accepting) recorder.closeEarly();
      await writer.settled();
      await log.endEpoch("shutdown");
      const run = { entries: [...log.store.entries()], head: log.store.head?.note };
      await log.close();
      return run;
    };
    return { log, writer, keeper, signed, said, pass, stop };
  };

  /** What a verifier makes of it. */
  const audit = ({ entries, head }: Stopped) =>
    auditLog({ entries, checkpoint: head }, { trust: pack.trust });

  return { start, counted, audit };
}

export const startsWith = (whole: readonly Uint8Array[], part: readonly Uint8Array[]) =>
  part.every((bytes, index) => bytesEqual(bytes, whole[index] ?? new Uint8Array(0)));
