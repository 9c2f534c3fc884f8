/** Runs the points, one after the other, over a bus and its clock. */
import { type Cancel, type Clock, type Entropy, millis } from "@wattseal/base";
import {
  type CanBus,
  type CanFrame,
  isSecured,
  isToModule,
  MODULE_STATE,
  slotOf,
} from "@wattseal/can-protocol";
import { SimError } from "../errors.js";
import { Bench } from "./bench.js";
import { POINTS } from "./points/index.js";
import type { AskForReset, Permissions, Point } from "./points/point.js";
import { type Finding, PointEnded, type Script, type Verdict, type Wait } from "./script.js";
import type { BenchPairing } from "./types.js";

export interface ConformanceOptions {
  readonly bus: CanBus;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly pairing: BenchPairing;
  /** CAN FD: as the bus, and the module, are configured. */
  readonly fd: boolean;
  /** The highest state that the module may be let into (MODULE_STATE): above Off its relay closes. Default Off. */
  readonly highestState?: number;
  /** Without it, what needs a reset is not observed. */
  readonly reset?: AskForReset;
  /** Rolls the pack's half to another one and back. If it ends in between, nobody keeps the half that the module knows. */
  readonly keyRoll?: boolean;
  /** Ends with an erase: the module is unpaired then. */
  readonly erase?: boolean;
  /** Ids of the points to try; default all. */
  readonly only?: readonly string[];
  /** After each point. */
  readonly progress?: (point: PointReport) => void;
}

export interface PointReport {
  readonly id: string;
  readonly requirement: string;
  /** Page of docs/firmware, and its section. */
  readonly section: string;
  readonly verdict: Verdict;
  readonly seen: string;
}

export interface ConformanceReport {
  readonly uid: string;
  readonly slot: number;
  readonly fd: boolean;
  readonly points: readonly PointReport[];
  readonly passed: number;
  readonly failed: number;
  readonly notObserved: number;
  /** Of the bus's time. */
  readonly seconds: number;
}

/** Id, requirement and section of every point, in the order of a run. */
export const CONFORMANCE_POINTS: readonly Pick<PointReport, "id" | "requirement" | "section">[] =
  POINTS.map(({ id, requirement, section }) => ({ id, requirement, section }));

/**
 * Tries the module of a pairing on a bus that it shares with nobody else's pack. Settles when all points are
 * judged, in some six minutes of the bus's time. Rejects when the bus does, and with SimError `foreign-pack` when
 * another node sends under a pack's identifiers.
 */
export function runConformance(options: ConformanceOptions): Promise<ConformanceReport> {
  return new Promise((resolve, reject) => {
    const runner = new Runner(options, resolve, reject);
    runner.start();
  });
}

class Runner {
  readonly #options: ConformanceOptions;
  readonly #bench: Bench;
  readonly #settle: (report: ConformanceReport) => void;
  readonly #reject: (error: unknown) => void;
  readonly #reports: PointReport[] = [];
  readonly #startedAt: number;
  #unlisten: Cancel = () => {};
  #script: Script<void> | undefined;
  #wait: Wait | undefined;
  #timer: { readonly time: number; readonly cancel: Cancel } | undefined;
  #stepping = false;

  constructor(
    options: ConformanceOptions,
    settle: (report: ConformanceReport) => void,
    reject: (error: unknown) => void,
  ) {
    const { bus, pairing, entropy, fd, highestState = MODULE_STATE.off } = options;
    this.#options = options;
    this.#settle = settle;
    this.#reject = reject;
    this.#bench = new Bench({ bus, pairing, entropy, fd, highestState });
    this.#startedAt = options.clock.now();
  }

  start(): void {
    const { bus, clock } = this.#options;
    this.#unlisten = bus.listen({
      frame: (frame, time) =>
        this.#do(() => {
          refuseOtherPack(frame);
          this.#bench.frame(frame, time / 1000);
        }),
      sent: (frame, time) =>
        this.#do(() => {
          this.#bench.advance(time / 1000);
          this.#bench.outbox.sent(frame);
        }),
      error: () => {},
      state: (state) => {
        if (state === "bus-off")
          this.#end(() =>
            this.#reject(new SimError("bus-closed", "hardware", "the bus is gone: bus-off")),
          );
      },
    });
    this.#bench.advance(clock.now());
    this.#script = this.#all();
    this.#do(() => {});
  }

  *#all(): Script<void> {
    const { reset, keyRoll = false, erase = false, only } = this.#options;
    const permissions: Permissions = { reset, keyRoll, erase };
    for (const point of POINTS.filter((one) => only?.includes(one.id) ?? true)) {
      const { id, requirement, section } = point;
      const finding = yield* judged(point, this.#bench, permissions);
      const report = { id, requirement, section, ...finding };
      this.#reports.push(report);
      this.#options.progress?.(report);
    }
  }

  /** Takes in what has happened, then lets the script go on as far as it can. */
  #do(event: () => void): void {
    if (this.#script === undefined) return;
    try {
      event();
      this.#step();
    } catch (error) {
      this.#end(() => this.#reject(error));
    }
  }

  #step(): void {
    if (this.#stepping) return;
    this.#stepping = true;
    while (this.#script !== undefined && this.#isDue()) {
      const next = this.#script.next();
      if (next.done === true) this.#finish();
      else this.#wait = next.value;
    }
    this.#stepping = false;
    this.#arm();
  }

  #isDue(): boolean {
    const wait = this.#wait;
    return wait === undefined || wait.met() || this.#bench.now >= wait.until;
  }

  #arm(): void {
    if (this.#script === undefined) return;
    const until = this.#wait?.until ?? Number.POSITIVE_INFINITY;
    const time = Math.ceil(Math.min(until, this.#bench.deadline));
    if (!Number.isFinite(time) || this.#timer?.time === time) return;
    this.#timer?.cancel();
    const { clock } = this.#options;
    const cancel = clock.at(millis(Math.max(time, clock.now())), () => {
      this.#timer = undefined;
      this.#do(() => this.#bench.advance(clock.now()));
    });
    this.#timer = { time, cancel };
  }

  #finish(): void {
    const points = this.#reports;
    const count = (verdict: Verdict) => points.filter((point) => point.verdict === verdict).length;
    const { uid, slot } = this.#options.pairing.module;
    const report: ConformanceReport = {
      uid,
      slot,
      fd: this.#options.fd,
      points,
      passed: count("passed"),
      failed: count("failed"),
      notObserved: count("not-observed"),
      seconds: Math.round((this.#bench.now - this.#startedAt) / 1000),
    };
    this.#end(() => this.#settle(report));
  }

  #end(settle: () => void): void {
    if (this.#script === undefined) return;
    this.#script = undefined;
    this.#timer?.cancel();
    this.#unlisten();
    settle();
  }
}

/** Two packs on one bus take each other's sessions: nothing that a module then does can be held against it. */
function refuseOtherPack({ id }: CanFrame): void {
  if (!isSecured(id) || !isToModule(id)) return;
  throw new SimError(
    "foreign-pack",
    "usage",
    `another pack speaks on this bus: a frame under the pack's identifier 0x${id.toString(16)}, slot ${slotOf(id)}, came from elsewhere. Stop its gateway, and try again`,
  );
}

function* judged(point: Point, bench: Bench, permissions: Permissions): Script<Finding> {
  try {
    const finding = yield* point.run(bench, permissions);
    return finding;
  } catch (error) {
    if (error instanceof PointEnded) return error.finding;
    throw error;
  } finally {
    bench.limit(bench.highestState);
  }
}
