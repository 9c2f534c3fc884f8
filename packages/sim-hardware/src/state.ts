import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  decodeCbor,
  encodeCbor,
  Fields,
  fromHex,
  type Micros,
  type MilliwattHours,
  type ModuleUid,
  messageOf,
  micros,
  milliwattHours,
  moduleUid,
  toHex,
} from "@wattseal/base";
import { SimError } from "./errors.js";
import { writeAtomically } from "./files.js";
import type { SimKernel, TimeReader } from "./time/kernel.js";

const VERSION = 1;
const FILE = "simulator.state";
const UID_LENGTH = 8;
/** Kept of modules that are no longer there, too. */
const MOST_MODULES = 1024;
const COUNT = { least: 0, most: Number.MAX_SAFE_INTEGER } as const;
const PARTS_PER_UNIT = 1_000_000;
/** Time promised ahead of use, and how much of it is left when the next promise is written. */
const LEASE_MICROS = 20_000_000;
const RENEW_MICROS = 10_000_000;

/** A module's EEPROM, and how full its cells are. */
export interface ModuleState {
  readonly uid: ModuleUid;
  /** u16. */
  readonly boot: number;
  readonly in: MilliwattHours;
  readonly out: MilliwattHours;
  /** 0 to 1. */
  readonly soc: number;
}

export interface SimulatorState {
  /** Simulated time never begins before this. */
  readonly time: Micros;
  readonly modules: readonly ModuleState[];
}

/** Undefined when the folder has none yet. Throws SimError `state-folder`. */
export async function readState(directory: string): Promise<SimulatorState | undefined> {
  const path = join(directory, FILE);
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  try {
    return decodeState(bytes);
  } catch (cause) {
    throw new SimError("state-folder", "input", `${path}: ${messageOf(cause)}`, { cause });
  }
}

function encodeState(state: SimulatorState): Uint8Array {
  return encodeCbor([
    VERSION,
    state.time,
    state.modules.map((module) => [
      fromHex(module.uid),
      module.boot,
      module.in,
      module.out,
      Math.round(module.soc * PARTS_PER_UNIT),
    ]),
  ]);
}

function decodeState(bytes: Uint8Array): SimulatorState {
  const what = "simulator state";
  const state = new Fields(decodeCbor(bytes, { what }), what, 3);
  if (state.value(0) !== VERSION) state.fail("has an unknown version");
  const modules = new Fields(state.value(2), `${what}, modules`, { least: 0, most: MOST_MODULES });
  return {
    time: micros(state.integer(1, "time", COUNT)),
    modules: modules.each((i) => decodeModule(new Fields(modules.value(i), `${what}, module`, 5))),
  };
}

function decodeModule(fields: Fields): ModuleState {
  return {
    uid: moduleUid(toHex(fields.bytes(0, "uid", UID_LENGTH))),
    boot: fields.integer(1, "boot counter", { least: 0, most: 2 ** 16 - 1 }),
    in: milliwattHours(fields.integer(2, "energy in", COUNT)),
    out: milliwattHours(fields.integer(3, "energy out", COUNT)),
    soc: fields.integer(4, "SOC", { least: 0, most: PARTS_PER_UNIT }) / PARTS_PER_UNIT,
  };
}

/**
 * Keeps the state folder. Time is promised ahead of its use: the file always names a time that has not been
 * reached, so that even after a kill it never goes back; counters lose at most the last 20 simulated seconds.
 */
export class StateKeeper implements TimeReader {
  readonly #kernel: SimKernel;
  readonly #path: string;
  readonly #modules: () => readonly ModuleState[];
  #leasedUntil = 0;
  #outdated = false;
  #writing: Promise<void> | undefined;

  private constructor(kernel: SimKernel, path: string, modules: () => readonly ModuleState[]) {
    this.#kernel = kernel;
    this.#path = path;
    this.#modules = modules;
  }

  /** Writes the first state: boot counters are kept before they are used. */
  static async open(
    directory: string,
    kernel: SimKernel,
    modules: () => readonly ModuleState[],
  ): Promise<StateKeeper> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const keeper = new StateKeeper(kernel, join(directory, FILE), modules);
    await keeper.#renew(kernel.nowMicros());
    return keeper;
  }

  ready(next: Micros): Promise<void> | undefined {
    if (!this.#outdated && next < this.#leasedUntil - RENEW_MICROS) return undefined;
    const mustWait = this.#outdated || next >= this.#leasedUntil;
    const renewal = this.#renew(next);
    return mustWait ? renewal : undefined;
  }

  /** Something that must not be forgotten has changed: time stands until it is written. */
  renew(): void {
    this.#outdated = true;
  }

  /** The exact state; nothing may run after it. */
  async close(): Promise<void> {
    await this.#writing;
    await this.#write(this.#kernel.nowMicros());
  }

  #renew(from: Micros): Promise<void> {
    this.#writing ??= this.#lease(from + LEASE_MICROS).finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  async #lease(until: number): Promise<void> {
    this.#outdated = false;
    await this.#write(micros(until));
    this.#leasedUntil = until;
  }

  async #write(time: Micros): Promise<void> {
    await writeAtomically(this.#path, encodeState({ time, modules: this.#modules() }));
  }
}
